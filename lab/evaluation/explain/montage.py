"""Several photographs in one picture, asked for by the caption of one of them: does the map lie on the right one?

Rao, Böhle and Schiele, "Towards Better Understanding Attribution Methods", CVPR 2022 (grid pointing game).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.imaging.stretch import stretched
from models.types import Pixels

COLUMNS = 2
"""Photographs side by side: a montage of 2 is one row of them, one of 4 is two."""


class Pointing(NamedTuple):
    """Where a map lies.

    Attributes:
        mass: share of all that speaks for the query that lies on the right photograph; 0 where nothing does.
        peak: whether the largest value lies on it.
    """

    mass: float
    peak: bool


def montage(photographs: Pixels) -> Pixels:
    """Put 2 or 4 prepared photographs ``(P, S, S, 3)`` together, row by row, as one prepared picture ``(S, S, 3)``.

    Each fills its part; halving is by the mean of neighbours.
    """
    side = photographs.shape[1]
    rows = len(photographs) // COLUMNS
    parts = [_shrunk(photograph, side // rows, side // COLUMNS) for photograph in photographs]
    lines = [np.concatenate(parts[start : start + COLUMNS], axis=1) for start in range(0, len(parts), COLUMNS)]
    return np.ascontiguousarray(np.concatenate(lines))


def pointing(values: NDArray[np.float32], photographs: int, right: int, side: int) -> Pointing:
    """Measure a map ``(h, w)`` over a montage.

    Args:
        values: signed; what is negative has no mass.
        photographs: how many there are, 2 or 4.
        right: which of them was asked for.
        side: S, of the montage in pixels.
    """
    heights = stretched(values, side, side)
    height, width = side * COLUMNS // photographs, side // COLUMNS
    row, column = divmod(right, COLUMNS)
    inside = np.zeros((side, side), bool)
    inside[row * height : (row + 1) * height, column * width : (column + 1) * width] = True
    positive = heights.clip(min=0)
    total = float(positive.sum())
    if total <= 0:
        return Pointing(0.0, False)
    return Pointing(float(positive[inside].sum()) / total, bool(inside.flat[heights.argmax()]))


def _shrunk(photograph: Pixels, rows: int, columns: int) -> Pixels:
    down, across = photograph.shape[0] // rows, photograph.shape[1] // columns
    cells = photograph[: rows * down, : columns * across].reshape(rows, down, columns, across, 3)
    shrunk: Pixels = cells.mean(axis=(1, 3)).round().astype(np.uint8)
    return shrunk
