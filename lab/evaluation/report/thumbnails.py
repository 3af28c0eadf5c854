"""Photographs small enough to lie inside a page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from models.imaging.decode import decode_image
from models.imaging.thumbnail import thumbnail_webp


def thumbnail_uri(file: Path, side: int) -> str:
    """Return a photograph of at most ``side`` pixels a side as a data URI."""
    webp = thumbnail_webp(decode_image(file.read_bytes(), shrink_to=side), side)
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def thumbnail_uris(files: Iterable[Path], side: int) -> list[str]:
    """Return several."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(partial(thumbnail_uri, side=side), files))
