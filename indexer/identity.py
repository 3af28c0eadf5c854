"""What of a server's is a collection's own: a random name in its folder, which moves with it and ends with it."""

from __future__ import annotations

import secrets
from pathlib import Path

from models.files import flush

CATALOG_IDENTITY, VECTORS_IDENTITY = "catalog-id", "vectors-id"
"""The files; each is there only where a server keeps something of the collection."""


def identity_of(root: Path, file: str) -> str | None:
    """Return the identity that a file in a collection's folder gives, None where there is none yet."""
    try:
        return (root / file).read_text().strip()
    except FileNotFoundError:
        return None


def make_identity(root: Path, file: str) -> str:
    """Return the identity that a file in a collection's folder gives; where there is none it is made, durably."""
    if known := identity_of(root, file):
        return known
    made = secrets.token_hex(6)
    temporary = root / f".{file}.new"
    temporary.write_text(made)
    flush(temporary)
    temporary.replace(root / file)
    flush(root)
    return made
