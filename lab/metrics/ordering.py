"""Puts what was retrieved in order; a tie counts against the model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TIE = 1e-9
"""Far below what float32 tells apart in scores near 1: reorders equal scores only."""


def top_ranked(scores: NDArray[Any], relevance: NDArray[Any], depth: int) -> NDArray[np.int64]:
    """Return the items of the highest scores, best first, and among equal scores the less relevant first.

    Args:
        scores: ``(Q, N)``.
        relevance: ``(Q, N)``, in 0..1.
        depth: R, how many to return, at most N.

    Returns:
        ``(Q, R)`` columns.
    """
    keys = scores.astype(np.float64) - _TIE * relevance
    top = np.argpartition(-keys, depth - 1, axis=1)[:, :depth]
    order = np.argsort(-np.take_along_axis(keys, top, axis=1), axis=1)
    return np.take_along_axis(top, order, axis=1)


def without_self(matrix: NDArray[Any], queries: NDArray[np.int64]) -> NDArray[Any]:
    """Remove from each row of ``(Q, N)`` the column of its own query image: ``(Q, N - 1)``."""
    kept = np.ones(matrix.shape, bool)
    kept[np.arange(len(queries)), queries] = False
    return matrix[kept].reshape(len(queries), -1)
