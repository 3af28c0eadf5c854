"""Paints what speaks for a query, and against it, over the photograph."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.imaging.photograph import Photograph
from models.imaging.stretch import stretched
from models.types import Pixels

FOR, AGAINST = (230, 159, 0), (0, 114, 178)
"""Orange for what speaks for the query, blue for what speaks against it: apart for colour-blind readers, too (Okabe and
Ito, "Color Universal Design", 2008)."""
_STRONGEST = 0.7
"""Opacity of the paint where the strength is 1; the photograph must stay recognisable."""


def overlay_png(
    photograph: Photograph,
    strength: NDArray[np.float32],
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
    max_side: int = 640,
) -> bytes:
    """Return a PNG of the photograph with its map.

    Args:
        photograph: any size; shrunk to ``max_side``.
        strength: ``(rows, columns)`` in -1..1, negative for what speaks against the query.
        region: the part of the photograph that the map covers, as fractions ``(left, top, right, bottom)``.
        max_side: longer side of the picture, in pixels.
    """
    scale = min(1.0, max_side / max(photograph.width, photograph.height))
    size = (max(1, round(photograph.width * scale)), max(1, round(photograph.height * scale)))
    picture = np.array(Image.fromarray(photograph.pixels).resize(size, Image.Resampling.BICUBIC))
    left, right = _pixels_between(region[0], region[2], size[0])
    top, bottom = _pixels_between(region[1], region[3], size[1])
    part = picture[top:bottom, left:right]
    part[:] = _painted(part, stretched(strength, bottom - top, right - left))
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _painted(picture: Pixels, strength: NDArray[np.float32]) -> Pixels:
    """Mix ``(H, W, 3)`` with the colour of each pixel's sign, in 256 steps of opacity a channel."""
    opacity = (np.abs(strength).clip(max=1) * (255 * _STRONGEST)).round().astype(np.int32)[:, :, None]
    colour = np.where((strength > 0)[:, :, None], np.array(FOR, np.int32), np.array(AGAINST, np.int32))
    mixed: Pixels = ((picture * (255 - opacity) + colour * opacity + 127) // 255).astype(np.uint8)
    return mixed


def _pixels_between(start: float, end: float, side: int) -> tuple[int, int]:
    """Turn fractions of a side into pixels, at least one: a model that crops sees less than that of a long strip."""
    first = min(round(start * side), side - 1)
    return first, max(round(end * side), first + 1)
