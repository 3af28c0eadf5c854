"""Rank-based retrieval metrics."""
