"""Bootstrap confidence intervals of rank-based metrics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BLOCK = 100
"""Resamples at a time; bounds memory to a few blocks of ``(100, Q)``."""


def bootstrap_intervals(
    ranks: NDArray[np.int64],
    image_of_query: NDArray[np.int64],
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
    cutoffs: Sequence[int] = (1, 5, 10),
) -> dict[str, list[float]]:
    """Return the percentile interval of each metric of ``RankSummary.as_dict``, such as ``{"r@1": [low, high]}``.

    Images are drawn with replacement, as many as there are, and each brings all of its queries: the captions of one
    image are not independent. A query keeps the rank it has among all items. Efron and Tibshirani, "An Introduction to
    the Bootstrap", 1993, chapter 13 (percentile interval).

    Args:
        ranks: ``(Q,)``, from 1.
        image_of_query: ``(Q,)``, the image of each query, from 0; each image has at least one query.
        seed: of the draws.
        resamples: number of draws.
        confidence: share of the resamples between the two ends.
        cutoffs: of the recalls.
    """
    order = np.argsort(ranks)
    images = int(image_of_query.max()) + 1
    random = np.random.default_rng(seed)
    blocks = []
    for start in range(0, resamples, _BLOCK):
        size = min(_BLOCK, resamples - start)
        drawn = random.multinomial(images, np.full(images, 1 / images), size)
        blocks.append(_metrics(ranks[order], drawn[:, image_of_query[order]], cutoffs))
    ends = ((1 - confidence) / 2, (1 + confidence) / 2)
    return {name: np.quantile(np.concatenate([b[name] for b in blocks]), ends).tolist() for name in blocks[0]}


def _metrics(
    ranks: NDArray[np.int64], counts: NDArray[np.int64], cutoffs: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Compute each metric in each resample, ``(B,)``, from ascending ranks and how often each was drawn, ``(B, Q)``."""
    up_to = np.pad(counts.cumsum(axis=1), ((0, 0), (1, 0)))  # column i: how many of the first i ranks were drawn
    total = up_to[:, -1]
    metrics = {f"r@{k}": up_to[:, np.searchsorted(ranks, k, side="right")] / total for k in cutoffs}
    lower, upper = (ranks[(up_to[:, 1:] <= middle[:, None]).sum(axis=1)] for middle in ((total - 1) // 2, total // 2))
    return {**metrics, "median_rank": (lower + upper) / 2, "mean_rank": counts @ ranks / total}


def bootstrap_difference(
    differences: NDArray[np.float64],
    image_of_query: NDArray[np.int64],
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of the mean of paired differences, one for each query; images are drawn as above.

    Args:
        differences: ``(Q,)``, such as whether a query found its image with one model, less whether with another.
        image_of_query: ``(Q,)``, the image of each query, from 0.
        seed: of the draws.
        resamples: number of draws.
        confidence: share of the resamples between the two ends.
    """
    images = int(image_of_query.max()) + 1
    totals = np.bincount(image_of_query, differences, images)
    counts = np.bincount(image_of_query, minlength=images)
    drawn = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), resamples)
    low, high = np.quantile(drawn @ totals / (drawn @ counts), ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)
