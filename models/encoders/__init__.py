"""Two-tower models on one unit sphere.

Each family is a file that loads it without torch, and a ``*_module`` of its networks.
"""
