"""Measures models by the protocols of the field."""
