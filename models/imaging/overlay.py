"""Paints a heat map over its photograph."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.imaging.photograph import Photograph
from models.types import Pixels

# Anchors of matplotlib's "inferno" (CC0, Nathaniel Smith and Stefan van der Walt): dark to bright in even lightness
# steps, readable without colour vision.
_INFERNO = np.array(
    [
        (0, 0, 4), (40, 11, 84), (101, 21, 110), (159, 42, 99),
        (212, 72, 66), (245, 125, 21), (250, 193, 39), (252, 255, 164),
    ],
    dtype=np.float64,
)  # fmt: skip
_STRONGEST = 0.7
"""Opacity of the paint where the heat is 1; the photograph must stay recognisable."""


def overlay_png(
    photograph: Photograph,
    heat: NDArray[np.float32],
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
    max_side: int = 640,
) -> bytes:
    """Return a PNG of the photograph with its heat map.

    Args:
        photograph: any size; shrunk to ``max_side``.
        heat: ``(rows, columns)`` in 0..1.
        region: the part of the photograph that the heat map covers, as fractions ``(left, top, right, bottom)``.
        max_side: longer side of the picture, in pixels.
    """
    scale = min(1.0, max_side / max(photograph.width, photograph.height))
    size = (max(1, round(photograph.width * scale)), max(1, round(photograph.height * scale)))
    picture = np.asarray(Image.fromarray(photograph.pixels).resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    strength = _stretch(heat, size, region)[:, :, None]
    painted = picture * (1 - _STRONGEST * strength) + _colour(strength[:, :, 0]) * _STRONGEST * strength
    buffer = io.BytesIO()
    Image.fromarray(painted.round().astype(np.uint8)).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _stretch(
    heat: NDArray[np.float32], size: tuple[int, int], region: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """Scale the heat map smoothly over its region of a ``(width, height)`` canvas; zero outside."""
    width, height = size
    left, right = _pixels_between(region[0], region[2], width)
    top, bottom = _pixels_between(region[1], region[3], height)
    canvas = np.zeros((height, width))
    patch = Image.fromarray(heat.astype(np.float32)).resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    canvas[top:bottom, left:right] = np.asarray(patch, dtype=np.float64).clip(0, 1)
    return canvas


def _pixels_between(start: float, end: float, side: int) -> tuple[int, int]:
    """Turn fractions of a side into pixels, at least one: a model that crops sees less than that of a long strip."""
    first = min(round(start * side), side - 1)
    return first, max(round(end * side), first + 1)


def _colour(values: NDArray[np.float64]) -> Pixels:
    positions = np.linspace(0, 1, len(_INFERNO))
    return np.stack([np.interp(values, positions, _INFERNO[:, c]) for c in range(3)], axis=-1).astype(np.uint8)
