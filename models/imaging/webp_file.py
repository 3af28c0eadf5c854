"""Reads the structure of a WebP file (RFC 9649)."""

from __future__ import annotations

from collections.abc import Iterator

from models.errors import ImageError
from models.imaging.file_parts import MAX_METADATA_BYTES, FileParts
from models.imaging.image_header import ImageHeader

_MOST_CHUNKS = 100_000
_PROFILED, _TRANSPARENT = 0x20, 0x10


def is_webp(content: bytes) -> bool:
    """Tell whether a file begins as a WebP does."""
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def read_webp_header(content: bytes) -> ImageHeader:
    """Read the header of a WebP.

    Raises:
        ImageError: it has none.
    """
    kind, data = content[12:16], content[20:30]
    flags = data[0] if data else 0
    transparent, profiled = True, False
    if kind == b"VP8X" and len(data) >= 10:
        transparent, profiled = bool(flags & _TRANSPARENT), bool(flags & _PROFILED)
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (4, 7))
    elif kind == b"VP8L" and len(data) >= 5 and flags == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        width, height, transparent = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
    elif kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a" and len(data) >= 10:
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        transparent = False
    else:
        raise ImageError("the image is damaged or truncated (a WebP without a header)")
    return ImageHeader("WEBP", width, height, 4 if transparent else 3, transparent=transparent, profiled=profiled)


def split_webp(content: bytes) -> FileParts:
    """Take a WebP apart; its decoder passes over metadata by itself."""
    metadata = {b"EXIF": b"", b"XMP ": b"", b"ICCP": b""}
    for kind, start, end in _chunks(content):
        if kind in metadata and not metadata[kind] and end - start <= MAX_METADATA_BYTES:
            metadata[kind] = content[start:end]
    exif = metadata[b"EXIF"].removeprefix(b"Exif\0\0")  # some programs write it
    return FileParts(content, exif=exif, xmp=metadata[b"XMP "], profile=metadata[b"ICCP"])


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk's data."""
    at = 12
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(content):
            return
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        yield content[at : at + 4], at + 8, min(at + 8 + size, len(content))
        at += 8 + (size + 1) // 2 * 2
