"""Maps of one grid of places on another: what a map adds up to stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def overlaps(cells: int, places: int) -> NDArray[np.float32]:
    """Return which part of each cell of a line lies in each place of a coarser or finer one, ``(places, cells)``."""
    first, last = np.arange(places)[:, None] / places, np.arange(1, places + 1)[:, None] / places
    start, end = np.arange(cells) / cells, np.arange(1, cells + 1) / cells
    common: NDArray[np.float64] = (np.minimum(last, end) - np.maximum(first, start)).clip(min=0) * cells
    return common.astype(np.float32)


def on_grid(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Share a map ``(rows, columns)`` out among the places of another grid by area; the sum stays."""
    down, across = (overlaps(cells, places) for cells, places in zip(values.shape, shape, strict=True))
    shared: NDArray[np.float32] = (down @ values @ across.T).astype(np.float32)
    return shared
