"""Turns a decoded photograph into what the catalog notes of it."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from indexer.catalog.base import ImageFacts
from models.imaging.photograph import Photograph

_TOLD = {field.name for field in fields(ImageFacts)} & {field.name for field in fields(Photograph)}


def image_facts(sha256: bytes, photo: Photograph, added_at: datetime) -> ImageFacts:
    """Return the facts of an image: all that a photograph and the catalog call by the same name."""
    return ImageFacts(sha256=sha256, added_at=added_at, **{name: getattr(photo, name) for name in _TOLD})
