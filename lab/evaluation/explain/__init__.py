"""Measures methods of explanation: do their maps, words and silences follow what the model does?"""
