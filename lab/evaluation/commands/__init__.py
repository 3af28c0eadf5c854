"""The commands of ``semblance evaluate``, one a file."""
