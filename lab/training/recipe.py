"""Names the state files of a run by its recipe, so that another recipe does not resume from them."""

from __future__ import annotations

import hashlib


def digest_of(recipe: object) -> str:
    """Return a short digest of a frozen dataclass of choices, or of one with the hash of what it starts from."""
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]
