"""Reads from metadata how a picture has to be turned (EXIF 3.0, tag 0x0112): 1 as it is, 2 to 8 turned or mirrored."""

from __future__ import annotations

import re
from typing import Literal

_TAG = 0x0112
_BYTES_OF_TYPE = {1: 1, 3: 2, 4: 4}
_XMP = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")


def exif_orientation(exif: bytes) -> int | None:
    """Return the turn that EXIF data (a TIFF structure) tell, None where they do not; garbage tells nothing."""
    order = _byte_order(exif)
    if order is None:
        return None
    first = int.from_bytes(exif[4:8], order)
    entries = int.from_bytes(exif[first : first + 2], order)
    for at in range(first + 2, min(first + 2 + 12 * entries, len(exif) - 11), 12):
        if int.from_bytes(exif[at : at + 2], order) == _TAG:
            size = _BYTES_OF_TYPE.get(int.from_bytes(exif[at + 2 : at + 4], order), 0)
            turn = int.from_bytes(exif[at + 8 : at + 8 + size], order)
            return turn if 1 <= turn <= 8 else None
    return None


def xmp_orientation(xmp: bytes) -> int | None:
    """Return the turn that an XMP packet tells, None where it does not."""
    found = _XMP.search(xmp)
    return int(found[1]) if found else None


def _byte_order(exif: bytes) -> Literal["little", "big"] | None:
    if exif.startswith(b"II*\0"):
        return "little"
    return "big" if exif.startswith(b"MM\0*") else None
