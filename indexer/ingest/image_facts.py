"""What the catalog notes of an image: all that it and the models call by the same name."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from indexer.catalog.base import ImageFacts
from models.imaging.exif import LYING, FileFacts
from models.imaging.facts import read_facts
from models.imaging.formats import DECODER_REVISION
from models.imaging.header import read_header
from models.imaging.photograph import Photograph
from models.imaging.split import split_file

_NOTED = {field.name for field in fields(ImageFacts)}
_OF_PHOTOGRAPH = _NOTED & {field.name for field in fields(Photograph)}
_BESIDE_PIXELS = _NOTED & {field.name for field in fields(FileFacts)} - {"remark"}
_TAKEN_APART = {"JPEG", "PNG", "WEBP"}


def facts_of_photograph(sha256: bytes, photo: Photograph, key: str, added_at: datetime | None) -> ImageFacts:
    """Return the facts of an image that was decoded from the file of a key."""
    told = {name: getattr(photo, name) for name in _OF_PHOTOGRAPH}
    return ImageFacts(sha256=sha256, told_by=key, added_at=added_at, decoder_revision=DECODER_REVISION, **told)


def facts_beside_pixels(sha256: bytes, content: bytes, key: str) -> ImageFacts | None:
    """Return the facts of a known image without decoding it; None of a format that only its decoder takes apart.

    Raises:
        ImageError: the file has no header any more that can be read.
    """
    header = read_header(content)
    if header.format not in _TAKEN_APART:
        return None
    told = read_facts(split_file(content, header.format))
    lying = told.orientation in LYING
    return ImageFacts(
        sha256=sha256,
        width=header.height if lying else header.width,
        height=header.width if lying else header.height,
        format=header.format,
        told_by=key,
        decoder_revision=DECODER_REVISION,
        **{name: getattr(told, name) for name in _BESIDE_PIXELS},
    )
