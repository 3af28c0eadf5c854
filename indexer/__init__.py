"""Turns a collection of images into a published generation, and owns everything on disk; knows nothing of HTTP."""
