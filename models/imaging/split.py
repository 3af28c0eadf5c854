"""Takes an image file of any format apart."""

from __future__ import annotations

from collections.abc import Callable

from models.imaging.file_parts import FileParts
from models.imaging.jpeg_file import split_jpeg
from models.imaging.jxl_file import split_jxl
from models.imaging.png_file import split_png
from models.imaging.tiff_file import split_tiff
from models.imaging.webp_file import split_webp

_SPLITTERS: dict[str, Callable[[bytes], FileParts]] = {
    "JPEG": split_jpeg,
    "PNG": split_png,
    "WEBP": split_webp,
    "TIFF": split_tiff,
    "JXL": split_jxl,
}


def split_file(content: bytes, file_format: str) -> FileParts:
    """Take an image file apart; of HEIF and AVIF Pillow itself reads the metadata, others have none.

    Raises:
        ImageError: no picture is found in it.
    """
    split = _SPLITTERS.get(file_format)
    return split(content) if split else FileParts(content)
