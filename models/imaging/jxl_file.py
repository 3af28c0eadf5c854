"""Reads the structure of a JPEG XL file (ISO/IEC 18181-1 and -2)."""

from __future__ import annotations

from collections.abc import Iterator

from models.errors import ImageError
from models.imaging.file_parts import MAX_METADATA_BYTES, FileParts
from models.imaging.image_header import ImageHeader

CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_SIDE_BITS = (9, 13, 18, 30)
_OF_PIXELS = {b"JXL ", b"ftyp", b"jxll", b"jxlc", b"jxlp"}
_MOST_BOXES = 10_000


def read_jxl_header(content: bytes) -> ImageHeader:
    """Read the header of a JPEG XL.

    Raises:
        ImageError: it has none.
    """
    bits = _Bits(_beginning(content))
    is_small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if is_small else _side(bits)
    ratio = bits.take(3)
    if ratio:
        width = height * _RATIOS[ratio][0] // _RATIOS[ratio][1]
    else:
        width = (bits.take(5) + 1) * 8 if is_small else _side(bits)
    return ImageHeader("JXL", width, height, 4, transparent=True, profiled=True)


def split_jxl(content: bytes) -> FileParts:
    """Take a JPEG XL apart; what would let a JPEG be made of it again goes, so that it is decoded as what it is."""
    if content.startswith(CODESTREAM):
        return FileParts(content, is_upright=True)
    kept, metadata = [], {b"Exif": b"", b"xml ": b""}
    for kind, start, data, end in _boxes(content):
        if kind in _OF_PIXELS:
            kept.append(content[start:end])
        elif kind in metadata and end - data <= MAX_METADATA_BYTES:
            metadata[kind] = metadata[kind] or content[data:end]
    exif = metadata[b"Exif"]
    exif = exif if exif.startswith((b"II*", b"MM\0")) else exif[4:]  # behind its offset, which not all programs write
    return FileParts(b"".join(kept), exif=exif, xmp=metadata[b"xml "], is_upright=True)


def _beginning(content: bytes) -> bytes:
    """Return the first bytes of the codestream, behind its signature."""
    if content.startswith(CODESTREAM):
        return content[2:18]
    for kind, _, data, _ in _boxes(content):
        if kind in (b"jxlc", b"jxlp"):
            data += 4 if kind == b"jxlp" else 0  # the number of the part
            if content.startswith(CODESTREAM, data):
                return content[data + 2 : data + 18]
            break
    raise ImageError("the image is damaged or truncated (a JPEG XL without a header)")


def _boxes(content: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield kind, start, start of the data and end of each box."""
    start = 0
    for _ in range(_MOST_BOXES):
        if start + 8 > len(content):
            return
        size, head = int.from_bytes(content[start : start + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(content[start + 8 : start + 16], "big"), 16
        end = min(start + size, len(content)) if size else len(content)
        if end < start + head:
            return
        yield content[start + 4 : start + 8], start, start + head, end
        start = end


class _Bits:
    """Reads numbers from bytes, the lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value


def _side(bits: _Bits) -> int:
    return 1 + bits.take(_SIDE_BITS[bits.take(2)])
