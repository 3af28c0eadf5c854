"""Scales a small map of numbers smoothly over many pixels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]


def stretched(values: Numbers, rows: int, columns: int) -> Numbers:
    """Scale ``(h, w)`` to ``(rows, columns)``: linear between the centres of cells, flat beyond the outermost.

    It is two small products of matrices, ``R V C^T``, whatever the number of pixels.
    """
    stretch: Numbers = _line(values.shape[0], rows) @ values.astype(np.float32) @ _line(values.shape[1], columns).T
    return stretch


@lru_cache(maxsize=64)
def _line(cells: int, pixels: int) -> Numbers:
    """Return ``(pixels, cells)``: the weights of the cells in each pixel of a line, which add up to 1."""
    place = np.clip((np.arange(pixels) + 0.5) / pixels * cells - 0.5, 0, cells - 1)
    cell = np.minimum(place.astype(np.int64), max(cells - 2, 0))
    part = (place - cell).astype(np.float32)
    weights = np.zeros((pixels, cells), np.float32)
    weights[np.arange(pixels), cell] += 1 - part
    weights[np.arange(pixels), np.minimum(cell + 1, cells - 1)] += part
    weights.flags.writeable = False
    return weights
