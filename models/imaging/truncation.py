"""Tells how much of a JPEG without its end is missing.

The length that a file once had is written nowhere. So the picture is decoded twice, with different bytes behind its
end: where the two differ, it is missing. How many bytes that part took follows from those of the part that is there.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from models.imaging.jpeg_file import EOI, JpegFile, read_jpeg
from models.types import Pixels

_SCALE = 4
_BLOCK_ROWS = 16 // _SCALE
_OTHER_END = bytes(range(1, 129))
_COEFFICIENTS = 64


def missing_share(jpeg: bytes) -> float:
    """Return about what share of its bytes a JPEG without end lacks, 0 to 1; 1 where whole scans are missing."""
    file = read_jpeg(jpeg)
    scans = _scans(jpeg, file)
    if not _is_complete(jpeg, scans, file.components):
        return 1.0
    jpeg = jpeg.rstrip(b"\xff")  # half a marker would eat the first byte that is put behind it
    there = _same_share(_decoded(jpeg + EOI), _decoded(jpeg + _OTHER_END + EOI))
    if there == 0:
        return 1.0
    missing = (len(jpeg) - scans[-1]) * (1 / there - 1)
    return missing / (len(jpeg) + missing)


def _scans(jpeg: bytes, file: JpegFile) -> list[int]:
    """Return where the header of each scan begins."""
    scans = [file.scan_start]
    while file.progressive and (start := jpeg.find(b"\xff\xda", scans[-1] + 2)) >= 0:
        scans.append(start)
    return scans


def _is_complete(jpeg: bytes, scans: list[int], components: int) -> bool:
    """Tell whether the scans that have begun bring every coefficient of every component to its last bit."""
    known: dict[int, set[int]] = {}
    for start in scans:
        count = int.from_bytes(jpeg[start + 4 : start + 5], "big")
        header = jpeg[start + 5 : start + 8 + 2 * count]
        if len(header) < 2 * count + 3:
            return False
        begin, end, bits = header[2 * count :]
        for component in header[0 : 2 * count : 2]:
            if bits & 0x0F == 0:
                known.setdefault(component, set()).update(range(begin, end + 1))
    whole = sum(len(coefficients) == _COEFFICIENTS for coefficients in known.values())
    return whole >= components


def _decoded(jpeg: bytes) -> Pixels:
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        image.draft(None, (max(1, image.width // _SCALE), max(1, image.height // _SCALE)))
        return np.array(image)


def _same_share(one: Pixels, other: Pixels) -> float:
    """Return the share of two pictures, in reading order of their blocks, before they differ."""
    differ = (one != other).reshape(*one.shape[:2], -1).any(axis=2)
    rows = np.flatnonzero(differ.any(axis=1))
    if not len(rows):
        return 1.0
    column = np.flatnonzero(differ[rows[0] : rows[0] + _BLOCK_ROWS].any(axis=0))[0]
    return float(min(1.0, (rows[0] + _BLOCK_ROWS * column / one.shape[1]) / one.shape[0]))
