"""Ranks after the head of a ranking was put in a new order; a tie counts against the model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]


def pessimistic_rank(scores: Scores, own: int) -> int:
    """Return the rank (from 1) of a candidate of ``(N,)`` scores: how many do not score below it, itself included.

    A NaN is never below and never above: a candidate with one is last, and stands before every other.
    """
    return int((~(scores < scores[own])).sum())


def reranked_rank(before: int, own: int, order: NDArray[np.int64], scores: Scores, depth: int) -> int:
    """Return the rank (from 1) of a candidate after re-ranking.

    A candidate whose rank without re-ranking is beyond the head keeps that rank. Where it shares its score with others
    at the edge of the head, it counts as beyond, though a search may have it in the head.

    Args:
        before: its ``pessimistic_rank`` without re-ranking.
        own: its index.
        order: ``(N,)``, what ``rerank_head`` returned.
        scores: ``(N,)``, the same.
        depth: of the head.
    """
    if before > depth:
        return before
    head = scores[:depth]
    return pessimistic_rank(head, int(np.flatnonzero(order[:depth] == own)[0]))
