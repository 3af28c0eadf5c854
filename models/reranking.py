"""The best candidates of a ranking in a new order, by a score that is too slow for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]


def rerank_head(scores: Scores, rescored: Callable[[Indices], Scores], depth: int) -> tuple[Indices, Scores]:
    """Order candidates by their scores, the ``depth`` best of them (the head) by new scores.

    The head stays in front, whatever its new scores are: the others follow in the order, and with the score, that they
    have without re-ranking. Of equal scores, new ones too, the one with the lower index comes first, and so has the
    last place in the head.

    >>> rerank_head(np.array([0.2, 0.9, 0.4]), lambda head: np.array([5.0, 7.0]), depth=2)
    (array([2, 1, 0]), array([7. , 5. , 0.2]))

    Args:
        scores: ``(N,)`` of the candidates; larger is better.
        rescored: the new scores ``(H,)`` of the head, given its H = min(depth, N) indices in ascending order.
        depth: how many are re-ranked, 0 or more.

    Returns:
        ``(N,)``, the indices of all candidates, best first; and ``(N,)``, the scores in that same order.
    """
    order = np.argsort(-scores, kind="stable")
    head, tail = np.sort(order[:depth]), order[depth:]
    new_scores = rescored(head)
    best_first = np.argsort(-new_scores, kind="stable")
    return np.concatenate([head[best_first], tail]), np.concatenate([new_scores[best_first], scores[tail]])
