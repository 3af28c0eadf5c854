"""Captioned photographs as training and evaluation data."""
