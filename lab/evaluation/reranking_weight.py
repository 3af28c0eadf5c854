"""Chooses what one unit of a matcher's score is worth beside a dual encoder's, on dev."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.metrics.reranked import pessimistic_rank, reranked_rank
from models.reranking import rerank_head

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
        weights: to choose among; of equally good ones the first is taken.
        depth: how many of a caption's best images are re-ranked.
    """
    ranks = [reranked_ranks(*each, weights, depth) for each in zip(firsts, seconds, owns, strict=True)]
    before = float(np.mean([_mean_recall(without) for without, _ in ranks]))
    after = np.mean([[_mean_recall(own) for own in reranked] for _, reranked in ranks], axis=0)
    best = int(np.argmax(after))
    return weights[best], before, float(after[best])


def reranked_ranks(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    own: NDArray[np.int64],
    weights: Sequence[float],
    depth: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rank each caption's own image, without and with the ``depth`` best re-ranked by ``first + weight * second``.

    Args:
        first: the dual encoder's scores, ``(M, N)``.
        second: the matcher's.
        own: for each caption the row of its image, ``(M,)``.
        weights: W of them.
        depth: of the head.

    Returns:
        ``(M,)`` and ``(W, M)``, from 1; see ``reranked_rank``.
    """
    before = np.empty(len(first), np.int64)
    after = np.empty((len(weights), len(first)), np.int64)
    for caption, (scores, added, image) in enumerate(zip(first, second, own.tolist(), strict=True)):
        before[caption] = after[:, caption] = rank = pessimistic_rank(scores, image)
        for turn, weight in enumerate(weights) if rank <= depth else ():
            fused = scores + weight * added
            order, final = rerank_head(scores, fused.__getitem__, depth)
            after[turn, caption] = reranked_rank(rank, image, order, final, depth)
    return before, after


def _mean_recall(ranks: NDArray[np.int64]) -> float:
    return float(np.mean([(ranks <= cutoff).mean() for cutoff in (1, 5, 10)]))
