"""Tells the files of one run's recipe from those of another's."""

from __future__ import annotations

import hashlib


def digest_of(recipe: object) -> str:
    """Return a short digest of a frozen dataclass of choices."""
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]
