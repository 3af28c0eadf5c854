"""Tokenisers and sentence encoders."""
