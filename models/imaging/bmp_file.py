"""Reads the header of a BMP file (Microsoft's BITMAPFILEHEADER and what follows it)."""

from __future__ import annotations

from models.errors import ImageError
from models.imaging.image_header import ImageHeader

_OS2_HEADER = 12


def read_bmp_header(content: bytes) -> ImageHeader:
    """Read the header of a BMP.

    Raises:
        ImageError: it has none.
    """
    if len(content) < 30:
        raise ImageError("the image is damaged or truncated (a BMP without a header)")
    side = 2 if int.from_bytes(content[14:18], "little") == _OS2_HEADER else 4
    places = (18, 18 + side, 18 + 2 * side + 2)
    width, height = (abs(int.from_bytes(content[at : at + side], "little", signed=side == 4)) for at in places[:2])
    bits = int.from_bytes(content[places[2] : places[2] + 2], "little")
    # of 32 bits Pillow takes the last 8 for transparency where the file says so
    return ImageHeader("BMP", width, height, 1 if bits <= 8 else 3, transparent=bits == 32)
