"""Chooses what one unit of a matcher's score is worth beside a dual encoder's, on dev."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DEPTH = 50
WEIGHTS_TRIED = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def choose_weight(
    firsts: Sequence[NDArray[np.float32]],
    seconds: Sequence[NDArray[np.float32]],
    owns: Sequence[NDArray[np.int64]],
    weights: Sequence[float] = WEIGHTS_TRIED,
    depth: int = DEPTH,
) -> tuple[float, float, float]:
    """Return the weight by which re-ranking is best, and the mean of R@1, R@5 and R@10 before it and with it.

    Args:
        firsts: for each dev set the dual encoder's scores of its captions with its images, ``(M, N)``.
        seconds: the same of the matcher.
        owns: the same: for each caption the row of its image, ``(M,)``.
        weights: to choose among, above 0; of equally good ones the smallest is taken.
        depth: how many of a caption's best images are re-ranked.
    """
    sets = list(zip(firsts, seconds, owns, strict=True))
    before, *after = [
        float(np.mean([_mean_recall(reranked(*one, weight, depth)) for one in sets])) for weight in (0.0, *weights)
    ]
    best = int(np.argmax(after))
    return weights[best], before, after[best]


def reranked(
    first: NDArray[np.float32], second: NDArray[np.float32], own: NDArray[np.int64], weight: float, depth: int
) -> NDArray[np.int64]:
    """Return the rank of each caption's own image with the ``depth`` best re-ranked by ``first + weight * second``."""
    rows = np.arange(len(first))
    before = (first >= first[rows, own, None]).sum(axis=1)
    head = np.argsort(-first, axis=1, kind="stable")[:, :depth]
    fused = np.take_along_axis(first, head, axis=1) + weight * np.take_along_axis(second, head, axis=1)
    mine = first[rows, own] + weight * second[rows, own]
    ranks: NDArray[np.int64] = np.where(before <= depth, (fused >= mine[:, None]).sum(axis=1), before)
    return ranks


def _mean_recall(ranks: NDArray[np.int64]) -> float:
    return float(np.mean([(ranks <= cutoff).mean() for cutoff in (1, 5, 10)]))
