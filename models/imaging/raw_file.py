"""Reads the preview of a camera's raw file: what the sensor saw is not developed, the camera's own JPEG is shown."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from models.errors import ImageError, UnsupportedImageError
from models.imaging.image_header import ImageHeader
from models.imaging.jpeg_file import read_jpeg_header

_JPEG_START = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]")
_MOST_JPEGS = 2000
"""Of which one is the preview: tiles of what the sensor saw may look alike."""

_NO_PREVIEW = "this raw file holds no JPEG preview; convert it to JPEG"
_HEAD_BYTES, _MOST_SEGMENTS = 2**18, 60
"""Of a preview, in which its frame is looked for."""


def read_raw_header(content: bytes) -> ImageHeader:
    """Read the header of the largest JPEG in a raw file, without knowing the maker's structure of the file.

    What the preview itself says is judged once more before it is decoded.

    Raises:
        ImageError: there is none.
    """
    largest = None
    for found, _ in zip(_JPEG_START.finditer(content), range(_MOST_JPEGS), strict=False):
        try:
            header = read_jpeg_header(content[found.start() : found.start() + _HEAD_BYTES], _MOST_SEGMENTS)
        except ImageError:  # the sensor's data may be a kind of JPEG, too
            continue
        if largest is None or header.pixels > largest.pixels:
            largest = header
    if largest is None:
        raise UnsupportedImageError(_NO_PREVIEW)
    return replace(largest, format="RAW", profiled=True)


def extract_preview(content: bytes) -> bytes:
    """Return the JPEG preview of a raw file; LibRaw writes the raw file's orientation into it where it has none.

    Raises:
        UnsupportedImageError: there is none.
        Exception: whatever LibRaw runs into on damaged data.
    """
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(content)) as raw:
            preview = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        raise UnsupportedImageError(_NO_PREVIEW) from None
    except rawpy.LibRawFileUnsupportedError:
        raise UnsupportedImageError("LibRaw does not know raw files of this kind; convert it to JPEG") from None
    if preview.format != rawpy.ThumbFormat.JPEG or not isinstance(preview.data, bytes):
        raise UnsupportedImageError(_NO_PREVIEW)
    return preview.data
