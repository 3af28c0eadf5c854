"""Explains why an image matched: methods, one a file (see ``models.explain.methods``), and what all of them share."""
