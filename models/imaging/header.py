"""Reads an image file's header.

Cheap and safe on any bytes: nothing is decompressed, every walk is bounded, and no library that parses images is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from models.errors import ImageError
from models.imaging.bmp_file import read_bmp_header
from models.imaging.formats import format_of
from models.imaging.gif_file import read_gif_header
from models.imaging.image_header import ImageHeader
from models.imaging.isobmff_file import read_isobmff_header
from models.imaging.jpeg_file import read_jpeg_header
from models.imaging.jxl_file import read_jxl_header
from models.imaging.png_file import read_png_header
from models.imaging.raw_file import read_raw_header
from models.imaging.tiff_file import read_tiff_header
from models.imaging.webp_file import read_webp_header

_READERS: dict[str, Callable[[bytes], ImageHeader]] = {
    "JPEG": read_jpeg_header,
    "PNG": read_png_header,
    "WEBP": read_webp_header,
    "GIF": read_gif_header,
    "AVIF": lambda content: read_isobmff_header(content, "AVIF"),
    "TIFF": read_tiff_header,
    "BMP": read_bmp_header,
    "HEIF": lambda content: read_isobmff_header(content, "HEIF"),
    "JXL": read_jxl_header,
    "RAW": read_raw_header,
}


def read_header(content: bytes) -> ImageHeader:
    """Read the header of an image file.

    Raises:
        UnsupportedImageError: an image, but of a format that is not accepted, or that needs an extra.
        ImageError: not an image, or without a header.
    """
    header = _READERS[format_of(content)](content)
    if min(header.width, header.height) < 1:
        raise ImageError(f"the image is damaged (of {header.width:,} x {header.height:,} pixels)")
    return header
