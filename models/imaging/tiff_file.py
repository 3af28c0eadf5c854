"""Reads the first directory of a TIFF file (TIFF 6.0; BigTIFF; DNG 1.7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from models.errors import ImageError
from models.imaging.file_parts import MAX_METADATA_BYTES, FileParts
from models.imaging.image_header import ImageHeader

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 0xFE, 0x100, 0x101, 0x102, 0x103, 0x106
_ORIENTATION, _SAMPLES, _STRIP_ROWS, _TILE_WIDTH, _TILE_HEIGHT = 0x112, 0x115, 0x116, 0x142, 0x143
_SUB_DIRECTORIES, _EXTRA_SAMPLES, _XMP, _IPTC, _PROFILE, _DNG = 0x14A, 0x152, 0x2BC, 0x83BB, 0x8773, 0xC612
_SENSOR_MOSAIC = {32803, 34892}
_REDUCED = 1
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1, 13: 4, 16: 8, 18: 8}
_MOST_TAGS = 1000

Order = Literal["little", "big"]


@dataclass(frozen=True)
class TiffDirectory:
    """The tags of a file's first directory: for each where its values lie, how many, and bytes of one."""

    content: bytes
    order: Order
    places: dict[int, tuple[int, int, int]]

    def number(self, tag: int, default: int) -> int:
        """Return the largest of a tag's first values, or the default."""
        start, count, size = self.places.get(tag, (0, 0, 1))
        pieces = (self.content[at : at + size] for at in range(start, start + size * min(count, 8), size))
        return max((int.from_bytes(piece, self.order) for piece in pieces), default=default)

    def data(self, tag: int) -> bytes:
        """Return a tag's bytes, nothing where they are too many."""
        start, count, size = self.places.get(tag, (0, 0, 1))
        return self.content[start : start + count * size] if count * size <= MAX_METADATA_BYTES else b""

    @property
    def is_camera_raw(self) -> bool:
        """Whether the file is a camera's, of what its sensor saw, with this as a preview."""
        is_preview = self.number(_SUBFILE, 0) == _REDUCED and _SUB_DIRECTORIES in self.places
        return is_preview or _DNG in self.places or self.number(_PHOTOMETRIC, 0) in _SENSOR_MOSAIC


def read_tiff(content: bytes) -> TiffDirectory:
    """Read the first directory.

    Raises:
        ImageError: there is none.
    """
    order: Order = "little" if content[:2] == b"II" else "big"
    sign, is_big = "<" if order == "little" else ">", 43 in content[2:4]
    try:
        (at,) = struct.unpack_from(f"{sign}{'Q' if is_big else 'I'}", content, 8 if is_big else 4)
        (count,) = struct.unpack_from(f"{sign}{'Q' if is_big else 'H'}", content, at)
        return TiffDirectory(content, order, _places(content, sign, at, min(count, _MOST_TAGS), is_big=is_big))
    except (struct.error, OverflowError):
        raise ImageError("the image is damaged or truncated (a TIFF without a directory)") from None


def read_tiff_header(content: bytes) -> ImageHeader:
    """Read the header of a TIFF; of several pages the first counts."""
    directory = read_tiff(content)
    width, height = directory.number(_WIDTH, 0), directory.number(_HEIGHT, 0)
    bits, channels = directory.number(_BITS, 1), directory.number(_SAMPLES, 1)
    row_bytes = (width * bits * channels + 7) // 8
    buffer = 0
    if _TILE_WIDTH in directory.places:
        buffer = directory.number(_TILE_WIDTH, 0) * directory.number(_TILE_HEIGHT, 0) * bits * channels // 8
    elif directory.number(_COMPRESSION, 1) != 1:
        buffer = row_bytes * min(directory.number(_STRIP_ROWS, height), height)
    turned = width * height * 4 if directory.number(_ORIENTATION, 1) != 1 else 0  # Pillow turns it by itself
    return ImageHeader(
        format="TIFF",
        width=width,
        height=height,
        channels=min(channels, 4),
        sample_bytes=max(1, bits // 8) if channels == 1 else 1,
        transparent=_EXTRA_SAMPLES in directory.places,
        profiled=_PROFILE in directory.places,
        buffer_bytes=buffer + turned,
    )


def split_tiff(content: bytes) -> FileParts:
    """Take a TIFF apart: it is what EXIF is made of."""
    directory = read_tiff(content)
    return FileParts(
        content,
        exif=content,
        xmp=directory.data(_XMP),
        iptc=directory.data(_IPTC),
        profile=directory.data(_PROFILE),
        is_upright=True,
    )


def _places(content: bytes, sign: str, at: int, count: int, *, is_big: bool) -> dict[int, tuple[int, int, int]]:
    head, entry, inline = (8, f"{sign}HHQ", 8) if is_big else (2, f"{sign}HHI", 4)
    places: dict[int, tuple[int, int, int]] = {}
    for number in range(count):
        start = at + head + number * (struct.calcsize(entry) + inline)
        tag, kind, values = struct.unpack_from(entry, content, start)
        size, place = _TYPE_BYTES.get(kind, 1), start + struct.calcsize(entry)
        if values * size > inline:
            (place,) = struct.unpack_from(f"{sign}{'Q' if is_big else 'I'}", content, place)
        places.setdefault(tag, (place, values, size))
    return places
