"""Rank-based retrieval metrics; a tie counts against the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.types import Vectors

_BLOCK = 1024


@dataclass(frozen=True)
class RankSummary:
    """Recall at cut-offs (fractions of 1) and the median and mean rank of the best relevant item (1 is first)."""

    recall: dict[int, float]
    median_rank: float
    mean_rank: float

    def as_dict(self) -> dict[str, float]:
        """Return ``{"r@1": …, "median_rank": …, "mean_rank": …}``."""
        recalls = {f"r@{k}": value for k, value in self.recall.items()}
        return {**recalls, "median_rank": self.median_rank, "mean_rank": self.mean_rank}


def best_ranks(queries: Vectors, items: Vectors, relevant: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return for each query the rank (from 1) of its best relevant item among all items.

    Args:
        queries: ``(Q, D)``.
        items: ``(N, D)``; the score is the inner product.
        relevant: for each query the rows of its relevant items, at least one.

    The rank of an item is 1 + the number of *irrelevant* items that do not score below it. A NaN is never below and
    never above: a relevant item with one is last, an irrelevant one stands before every other.
    """
    ranks = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), _BLOCK):
        block = slice(start, start + _BLOCK)
        ranks[block] = score_ranks(queries[block] @ items.T, relevant[block])
    return ranks


def score_ranks(scores: NDArray[np.float32], relevant: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return the same ranks by ``(Q, N)`` scores of any kind."""
    ranks = np.empty(len(scores), dtype=np.int64)
    for row, line in enumerate(scores):
        own = np.asarray(relevant[row])
        ahead = ~(line < np.fmax.reduce(line[own]))
        ranks[row] = 1 + ahead.sum() - ahead[own].sum()
    return ranks


def summarise_ranks(ranks: NDArray[np.int64], cutoffs: Sequence[int] = (1, 5, 10)) -> RankSummary:
    """Summarise ranks."""
    return RankSummary(
        recall={k: float((ranks <= k).mean()) for k in cutoffs},
        median_rank=float(np.median(ranks)),
        mean_rank=float(ranks.mean()),
    )
