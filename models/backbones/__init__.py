"""Feature maps for encoders and explainers."""
