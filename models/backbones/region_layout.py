"""The square regions of a feature map over which R-MAC takes maxima.

G. Tolias, R. Sicre, H. Jégou, "Particular Object Retrieval with Integral Max-Pooling of CNN Activations", ICLR 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEVELS = 3
SCALES = (288, 224)
"""Longer side of the picture at each scale, in pixels."""
_OVERLAP = 0.4
_MOST_ALONG = 7
"""Regions of the first level along the longer side are at most so many."""

Region = tuple[int, int, int]
"""Top, left and side of a square of a feature map's places."""


def regions(rows: int, columns: int, levels: int = LEVELS) -> list[Region]:
    """Lay out the square regions of a feature map.

    On the first level they are as large as the shorter side, as many (``m``) along the longer one as overlap nearest to
    40 %; on level ``l`` the side is ``2 · shorter / (l + 1)``, ``l`` lie along the shorter side and ``l + m - 1`` along
    the longer one, evenly spread. A square map has 1 + 4 + 9.
    """
    shorter, longer = min(rows, columns), max(rows, columns)
    more = 0
    if longer > shorter:
        overlaps = [1 - (longer - shorter) / (count - 1) / shorter for count in range(2, _MOST_ALONG + 1)]
        more = 1 + min(range(len(overlaps)), key=lambda index: abs(overlaps[index] - _OVERLAP))
    found = []
    for level in range(1, levels + 1):
        side = max(1, 2 * shorter // (level + 1))
        along_rows, along_columns = level + more * (rows > columns), level + more * (columns > rows)
        tops, lefts = _spread(rows - side, along_rows), _spread(columns - side, along_columns)
        found += [(top, left, side) for top in tops for left in lefts]
    return found


def region_maxima(feature_map: NDArray[np.float32], levels: int = LEVELS) -> NDArray[np.float32]:
    """Take each channel's maximum in each region: ``(B, C, h, w)`` to ``(B, R, C)``."""
    rows, columns = feature_map.shape[-2:]
    laid = regions(rows, columns, levels)
    maxima = [feature_map[:, :, top : top + side, left : left + side].max(axis=(2, 3)) for top, left, side in laid]
    return np.stack(maxima, axis=1)


def _spread(room: int, count: int) -> Sequence[int]:
    return [0] if count == 1 else [int(index * room / (count - 1)) for index in range(count)]
