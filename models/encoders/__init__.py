"""Two-tower models on one unit sphere, one file a model family."""
