"""The only way to a collection's files: by an image's id, and never out of the collection's folders.

What is inside the folders, the photo source judges: it reads nothing else (see ``sources.base``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from indexer.catalog.base import content_id
from indexer.ingest.content_key import content_key
from indexer.sources.base import OutsideSourceError, PhotoSource
from indexer.sources.opening import photo_source
from indexer.store.generation import Generation
from models.errors import InputError

T = TypeVar("T")

log = structlog.get_logger()


class OriginalNotFoundError(InputError):
    """The photograph's file is gone, changed or not inside the collection's folders."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"The file of image {image_id} is gone or has changed since it was indexed; index again.")


def original_path(generation: Generation, image_id: str) -> Path | None:
    """Return where an image's file can be opened on this machine, None where its storage is another one.

    Raises:
        OriginalNotFoundError: no file of the image is there, inside the collection's folders.
    """
    return _first_original(generation, image_id, lambda source, key: source.local_path(key))


def read_original(generation: Generation, image_id: str) -> bytes:
    """Return the bytes of an image's file, checked to be those of the image that was indexed: the id is their hash.

    Raises:
        OriginalNotFoundError: it is gone, outside the collection's folders or has changed.
    """
    content = _first_original(generation, image_id, lambda source, key: source.read(key))
    # Generations of earlier versions know images by all bytes, this one's by those that are no metadata.
    if image_id not in (content_id(content_key(content)), content_id(hashlib.sha256(content).digest())):
        raise OriginalNotFoundError(image_id)
    return content


def _first_original(generation: Generation, image_id: str, use: Callable[[PhotoSource, str], T]) -> T:
    """Return what ``use`` makes of the first of an image's files that it can be made of."""
    source = photo_source(generation.catalog.roots())
    for key in generation.catalog.original_keys(image_id):
        try:
            return use(source, key)
        except OutsideSourceError:
            log.warning("file outside its collection refused", path=key)
        except OSError:  # gone, closed, or links in a circle
            continue
    raise OriginalNotFoundError(image_id)
