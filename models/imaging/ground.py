"""Lays transparent pictures on a ground that they contrast with."""

from __future__ import annotations

import numpy as np

from models.types import Pixels

_WHITE, _BLACK = 255, 0
_LEAST_CONTRAST = 64
"""Mean distance of what is visible from white, in grey levels, below which the ground is black."""

_ROWS = 64  # at once: bounds memory
_LUMA = np.array([299, 587, 114], np.int64)  # thousandths, ITU-R BT.601


def lay_on_ground(pixels: Pixels) -> Pixels:
    """Return ``(H, W, 3)`` of ``(H, W, 4)`` pixels, on white, or on black where they could hardly be seen on white."""
    ground = _BLACK if _distance_from_white(pixels) < _LEAST_CONTRAST else _WHITE
    laid = np.empty((*pixels.shape[:2], 3), np.uint8)
    for top in range(0, len(pixels), _ROWS):
        colours, alpha = pixels[top : top + _ROWS, :, :3].astype(np.uint16), pixels[top : top + _ROWS, :, 3:]
        mixed = colours * alpha.astype(np.uint16) + np.uint16(ground) * (255 - alpha).astype(np.uint16)
        laid[top : top + _ROWS] = (mixed + 127) // 255
    return laid


def _distance_from_white(pixels: Pixels) -> float:
    """Return how far what is visible is from white, in grey levels; as far as can be where nothing is."""
    weight = distance = 0
    for top in range(0, len(pixels), _ROWS):
        strip = pixels[top : top + _ROWS]
        alpha = strip[:, :, 3].astype(np.int64)
        weight += int(alpha.sum())
        distance += int(((255_000 - strip[:, :, :3] @ _LUMA) * alpha).sum()) // 1000
    return distance / weight if weight else _WHITE
