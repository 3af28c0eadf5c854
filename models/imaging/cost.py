"""Tells from an image's header what decoding will take, and refuses what is beyond a limit."""

from __future__ import annotations

import math

from models.errors import ImageTooLargeError
from models.imaging.image_header import ImageHeader
from models.imaging.limits import DecodeLimits, variable_of

_COEFFICIENT_BYTES = 2
_CODEC_BYTES = {"GIF": 1, "WEBP": 12, "AVIF": 8, "HEIF": 8, "JXL": 12}
"""A decoder's own buffers, bytes a pixel: WebP's canvas twice and a copy; planes of the others and a copy."""

_FINISHING_BYTES = 4 + 3
"""Bytes a pixel of the picture that is given back: Pillow's copy while it is turned or converted, and the array."""


def check_limits(header: ImageHeader, limits: DecodeLimits, shrink_to: int | None = None) -> None:
    """Refuse an image that would cost too much.

    Raises:
        ImageTooLargeError: names the value, the limit and the variable that sets it.
    """
    size = f"the image has {header.width:,} x {header.height:,} = {header.pixels:,} pixels"
    _check(max(header.width, header.height), "max_side_px", limits, size, " a side")
    _check(header.pixels, "max_pixels", limits, size)
    if header.progressive:
        _check(header.pixels, "max_progressive_pixels", limits, f"{size} in several scans")
        _check(header.scans, "max_scans", limits, f"the image has {header.scans:,} scans")
    cost = decode_cost(header, shrink_to)
    _check(cost, "max_decode_bytes", limits, f"{size}, which take {cost:,} bytes to decode as {header.format}")


def _check(value: int, name: str, limits: DecodeLimits, what: str, unit: str = "") -> None:
    limit: int = getattr(limits, name)
    if value > limit:
        raise ImageTooLargeError(f"{what}; the limit is {limit:,}{unit} ({variable_of(name)})")


def decode_cost(header: ImageHeader, shrink_to: int | None = None) -> int:
    """Return how many bytes of memory decoding takes at most, the file's own bytes aside.

    A JPEG that is shrunk while it is decoded takes little; one in several scans holds all its coefficients first. Any
    other format is decoded to one copy of its own size, which is shrunk directly after.

    Args:
        header: of the file.
        shrink_to: as of ``decode_image``.
    """
    factor = shrink_factor(header, shrink_to)
    shown = math.ceil(header.width / factor) * math.ceil(header.height / factor)
    coefficients = header.pixels * header.channels * _COEFFICIENT_BYTES if header.progressive else 0
    decoded = shown if header.scales else header.pixels
    per_pixel = _stored_bytes(header) + _CODEC_BYTES.get(header.format, 0)
    return coefficients + decoded * per_pixel + header.buffer_bytes + shown * _FINISHING_BYTES


def shrink_factor(header: ImageHeader, shrink_to: int | None) -> int:
    """Return by how much the sides are divided, so that none becomes smaller than ``shrink_to``."""
    if not shrink_to:
        return 1
    width, height = draft_size(header.width, header.height, shrink_to)
    factor = max(1, min(header.width // width, header.height // height))
    return 2 ** min(factor.bit_length() - 1, 3) if header.scales else factor


def draft_size(width: int, height: int, shrink_to: int) -> tuple[int, int]:
    """Return the size at which the shorter side is ``shrink_to``."""
    scale = shrink_to / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _stored_bytes(header: ImageHeader) -> int:
    """Return how many bytes of a pixel Pillow keeps: of one channel what it has, else 4."""
    return min(header.sample_bytes, 4) if header.channels == 1 else 4
