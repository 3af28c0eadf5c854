"""Does re-ranking carry over? A matcher's weight is fitted on one captioned set; what it brings is told of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.matched import MatchedSet
from lab.evaluation.reranking_weight import DEPTH, WEIGHTS_TRIED, choose_weight, reranked_ranks
from lab.metrics.bootstrap import bootstrap_difference
from lab.metrics.ranking import summarise_ranks


@dataclass(frozen=True)
class ScoredSet:
    """A captioned set of N images and M captions, scored twice.

    Attributes:
        name: of the set.
        first: the dual encoder's scores of each caption with each image, ``(M, N)``.
        second: the matcher's, of the images that are re-ranked.
        own: for each caption the row of its image, ``(M,)``.
    """

    name: str
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    own: NDArray[np.int64]


def head_scores(matched: MatchedSet, first: NDArray[np.float32], depth: int) -> NDArray[np.float32]:
    """Score each caption with its best ``depth`` images by first scores ``(M, N)``; 0 for all others, ``(M, N)``."""
    best = np.argsort(-first, axis=1, kind="stable")[:, :depth]
    second = np.zeros_like(first)
    np.put_along_axis(second, best, matched.pair_scores(np.arange(len(first)), best), axis=1)
    return second


def evaluate_transfer(
    sets: Sequence[ScoredSet], *, depth: int = DEPTH, weights: Sequence[float] = WEIGHTS_TRIED, seed: int = 1
) -> list[dict[str, Any]]:
    """Fit on each set, by the mean of R@1, R@5 and R@10, and measure on each other one.

    Args:
        sets: two or more.
        depth: how many of a caption's best images are re-ranked.
        weights: to choose among.
        seed: of the bootstrap.

    Returns:
        Of each set fitted on and each set reported on: the weight, text to image before and after, and the difference
        of R@1 with its 95 % interval, of a bootstrap over the images.
    """
    figures = []
    for fitted in sets:
        weight, _, _ = choose_weight([fitted.first], [fitted.second], [fitted.own], weights, depth)
        for other in sets:
            if other is fitted:
                continue
            before, (after,) = reranked_ranks(other.first, other.second, other.own, (weight,), depth)
            low, high = bootstrap_difference((after == 1) - (before == 1).astype(np.float64), other.own, seed=seed)
            figures.append(
                {
                    "fitted_on": fitted.name,
                    "reported_on": other.name,
                    "weight": weight,
                    "text_to_image": summarise_ranks(before).as_dict(),
                    "reranked": summarise_ranks(after).as_dict(),
                    "r@1_gained": float((after == 1).mean() - (before == 1).mean()),
                    "interval": [low, high],
                }
            )
    return figures
