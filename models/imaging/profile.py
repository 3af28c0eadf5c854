"""Reads what an ICC colour profile says of itself (ICC.1:2022)."""

from __future__ import annotations

_TAG_TABLE = 128
_MOST_TAGS = 200


def is_srgb(profile: bytes) -> bool:
    """Tell whether a profile's description names sRGB: its pixels are what a screen shows."""
    count = min(int.from_bytes(profile[_TAG_TABLE : _TAG_TABLE + 4], "big"), _MOST_TAGS)
    for at in range(_TAG_TABLE + 4, _TAG_TABLE + 4 + 12 * count, 12):
        if profile[at : at + 4] == b"desc":
            start, size = (int.from_bytes(profile[at + n : at + n + 4], "big") for n in (4, 8))
            # ASCII in version 2, UTF-16 in version 4
            return b"sRGB" in profile[start : start + min(size, 4096)].replace(b"\0", b"")
    return False
