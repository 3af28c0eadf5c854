"""Reads the size of a picture in a box file: HEIC and AVIF (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.errors import ImageError
from models.imaging.image_header import ImageHeader

_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0}
"""Boxes that hold boxes, and how many bytes come before these."""

_EXIF_ITEM = re.compile(rb"(infe[\x02\x03]\0\0.(?:.{4}|.{6}))Exif", re.DOTALL)
_MOST_BOXES = 20_000
_MOST_DEPTH = 6
_TRANSPARENCY = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


def read_isobmff_header(content: bytes, file_format: str) -> ImageHeader:
    """Read the header of a HEIC or AVIF file; its size is that of its largest picture, before it is cropped.

    Raises:
        ImageError: it names no size, or has more boxes than any real file.
    """
    sizes, channels, profiled, transparent = [], 3, False, False
    for number, (kind, start, end) in enumerate(_boxes(content, 0, len(content), _MOST_DEPTH)):
        if number > _MOST_BOXES:
            raise ImageError(f"the image is damaged ({file_format} of more than {_MOST_BOXES:,} boxes)")
        if kind == b"ispe" and end - start >= 12:
            sizes.append((_number(content, start + 4), _number(content, start + 8)))
        elif kind == b"tkhd" and end - start >= 84:  # a track's, in 1/65536 pixels
            sizes.append((_number(content, end - 8) >> 16, _number(content, end - 4) >> 16))
        elif kind == b"colr":
            profiled |= content[start : start + 4] in (b"prof", b"rICC")
        elif kind == b"auxC":
            transparent |= content.startswith(_TRANSPARENCY, start + 4)
    if not sizes:
        raise ImageError(f"the image is damaged or truncated ({file_format} without a size)")
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    channels = 4 if transparent else 3
    return ImageHeader(file_format, width, height, channels, transparent=transparent, profiled=profiled)


def brands(content: bytes) -> frozenset[bytes]:
    """Return the brands, four bytes each, of a box file; none of any other file."""
    if content[4:8] != b"ftyp":
        return frozenset()
    end = min(_number(content, 0), 512)
    return frozenset({content[8:12], *(content[at : at + 4] for at in range(16, end, 4))})


def without_exif(content: bytes) -> bytes:
    """Return a box file whose EXIF data is named otherwise, so that no reader looks into it."""
    return _EXIF_ITEM.sub(rb"\g<1>skip", content)


def _boxes(content: bytes, start: int, end: int, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the content of each box and of those inside."""
    while start + 8 <= end:
        size, kind, head = _number(content, start), content[start + 4 : start + 8], 8
        if size == 1:
            size, head = int.from_bytes(content[start + 8 : start + 16], "big"), 16
        stop = min(start + size, end) if size else end
        if stop < start + head:
            return
        yield kind, start + head, stop
        if kind in _CONTAINERS and depth:
            yield from _boxes(content, start + head + _CONTAINERS[kind], stop, depth - 1)
        start = stop


def _number(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "big")
