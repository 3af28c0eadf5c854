"""The only way to a collection's files: by an image's id, and never out of the collection's folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

import structlog

from indexer.store.generation import Generation
from models.errors import InputError

log = structlog.get_logger()


class OriginalNotFoundError(InputError):
    """The photograph's file is gone, changed or not inside the collection's folders."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"The file of image {image_id} is gone or has changed since it was indexed; index again.")


def original_path(generation: Generation, image_id: str) -> Path:
    """Return the resolved path of an image's file.

    Raises:
        OriginalNotFoundError: no file of the image lies, symbolic links resolved, inside the collection's folders.
    """
    roots = [Path(root).resolve() for root in generation.catalog.roots()]
    for key in generation.catalog.original_keys(image_id):
        try:
            resolved = Path(key).resolve(strict=True)
        except (OSError, RuntimeError):  # gone, or links in a circle
            continue
        if not any(resolved.is_relative_to(root) for root in roots):
            log.warning("file outside its collection refused", path=key)
        elif resolved.is_file():
            return resolved
    raise OriginalNotFoundError(image_id)


def read_original(generation: Generation, image_id: str) -> bytes:
    """Return the bytes of an image's file, checked to be the ones that were indexed (the id is their hash).

    Raises:
        OriginalNotFoundError: it is gone, outside the collection or has changed.
    """
    try:
        content = original_path(generation, image_id).read_bytes()
    except OSError:
        raise OriginalNotFoundError(image_id) from None
    if not hashlib.sha256(content).hexdigest().startswith(image_id):
        raise OriginalNotFoundError(image_id)
    return content
