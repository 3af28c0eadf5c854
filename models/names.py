"""The names that commands and settings fall back on; a module of its own, for it is read before anything is loaded."""

DEFAULT_MODEL = "semblance-base"
DEFAULT_CAPTIONER = "show-and-tell"
HUGGING_FACE = "hf:"
"""Prefix of the name or folder of a CLIP, SigLIP or SigLIP2 checkpoint."""
