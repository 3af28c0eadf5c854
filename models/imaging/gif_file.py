"""Reads the structure of a GIF file (CompuServe, Graphics Interchange Format 89a)."""

from __future__ import annotations

import re

from models.errors import ImageError
from models.imaging.image_header import ImageHeader

_BLOCK = re.compile(rb"[!,;]")  # an extension, a frame, the end; what lies between is passed by, as Pillow does
_CONTROL = 0xF9
_MOST_BLOCKS = 20_000
"""Before the first frame; comments and applications' data come in blocks of at most 255 bytes."""


def read_gif_header(content: bytes) -> ImageHeader:
    """Read the header of a GIF and of its first frame, which may be larger than the screen that it names.

    Raises:
        ImageError: it has no frame, or more blocks before it than any real file.
    """
    flags = content[10:11] or b"\0"
    at = 13 + (3 * 2 ** ((flags[0] & 7) + 1) if flags[0] & 0x80 else 0)
    left, transparent = _MOST_BLOCKS, False
    while left and (found := _BLOCK.search(content, at)):
        at = found.end()
        if found[0] == b",":
            return _header(content, at, transparent)
        if found[0] == b";":
            break
        transparent |= content[at : at + 1] == bytes([_CONTROL]) and bool(content[at + 2 : at + 3] > b"\0")
        at += 1
        while left and (size := content[at : at + 1]) > b"\0":
            at, left = at + 1 + size[0], left - 1
        at, left = at + 1, max(left - 1, 0)
    raise ImageError("the image is damaged or truncated (a GIF without a frame)")


def _header(content: bytes, at: int, transparent: bool) -> ImageHeader:
    screen = [int.from_bytes(content[n : n + 2], "little") for n in (6, 8)]
    left, top, width, height = (int.from_bytes(content[at + n : at + n + 2], "little") for n in (0, 2, 4, 6))
    return ImageHeader("GIF", max(screen[0], left + width), max(screen[1], top + height), 1, transparent=transparent)
