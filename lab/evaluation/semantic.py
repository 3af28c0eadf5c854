"""Semantic retrieval (Gordo & Larlus, CVPR 2017, section 6): does the ranking follow what people wrote of the images?

Every image of the set is a query in turn and leaves the results. The gains of NDCG@R are the relevances themselves,
PCC@R correlates scores and relevances over the first R. Both are averaged over the queries for every R up to 128.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.relevance import Relevance
from lab.metrics.bootstrap import bootstrap_difference
from lab.metrics.correlation import pearson_curve
from lab.metrics.ndcg import ideal_gains, ndcg_curve
from lab.metrics.ordering import top_ranked, without_self
from models.errors import InputError
from models.types import Vectors

DEPTH = 128
IMAGENET = "imagenet features"
RANDOM = "random"
_RANDOM_SEEDS = range(5)
_BLOCK = 256

Scorer = Callable[[NDArray[np.int64]], NDArray[Any]]
"""Scores ``(Q, N)`` of every image for Q of the queries."""


@dataclass(frozen=True)
class Curves:
    """Mean NDCG@R and PCC@R for R = 1, 2, …; the areas are the curves' means over R (1 for a perfect model).

    Nothing can correlate at R = 1, where PCC is 0 by convention, so that its area begins at R = 2. ``ndcg_areas`` are
    the areas of the NDCG of each query by itself, ``(Q,)``.
    """

    ndcg: NDArray[np.float64]
    pcc: NDArray[np.float64]
    ndcg_areas: NDArray[np.float64]

    def as_dict(self) -> dict[str, Any]:
        """Return both curves and their areas."""
        return {
            "ndcg": self.ndcg.tolist(),
            "pcc": self.pcc.tolist(),
            "ndcg_area": float(self.ndcg.mean()),
            "pcc_area": float(self.pcc[1:].mean()),
        }


def evaluate_semantic(
    encoded: EncodedSet,
    relevance: Relevance,
    imagenet: Vectors | None = None,
    others: Sequence[Relevance] = (),
    queries: int | None = None,
    versus: Sequence[EncodedSet] = (),
) -> dict[str, Any]:
    """Measure a model beside its bounds.

    Queries are each image alone, and each image with each of its captions in turn:
    ``unit(image vector + caption vector)``; every caption is used, none is sampled.

    Args:
        encoded: the set.
        relevance: of its images to each other.
        imagenet: ``(N, F)`` features whose inner product the trained model has to beat.
        others: proxies that rank, too, as a model would.
        queries: only so many of the images query, spread evenly; all by default.
        versus: the same set by other models.

    Returns:
        For each kind of query the curves of each row: the model, the oracle (ranks by the relevance itself), random
        (mean of 5 seeds), the ImageNet features, the other proxies and the other models. ``versus`` holds for each of
        those by how much the model's NDCG area exceeds theirs, for queries by image, with its 95 % interval.

    Raises:
        InputError: fewer than 3 images.
    """
    images, owners = encoded.images, encoded.image_of_caption
    if len(images) < 3:
        raise InputError(f"the set has {len(images)} images: ranking the others for each needs at least 3")
    every = np.linspace(0, len(images) - 1, min(queries or len(images), len(images))).round().astype(np.int64)
    bounds = _bounds(relevance, every, len(images))
    by_image = {encoded.model: measure(inner_products(images[every], images), relevance, every), **bounds}
    if imagenet is not None:
        by_image[IMAGENET] = measure(inner_products(imagenet[every], imagenet), relevance, every)
    others_by_image = {
        one.model: measure(inner_products(one.images[every], one.images), relevance, every) for one in versus
    }
    by_image |= others_by_image
    by_image |= {other.name: measure(_relevances(other, every), relevance, every) for other in others}
    asking = np.flatnonzero(np.isin(owners, every))
    both = images[owners[asking]] + encoded.captions[asking]  # unit length would change no rank and no correlation
    by_both = {encoded.model: measure(inner_products(both, images), relevance, owners[asking]), **bounds}
    kinds = {"image": by_image, "image+text": by_both}
    figures: dict[str, Any] = {
        "ranks": list(range(1, _depth(len(images)) + 1)),
        "relevance": relevance.name,
        "queries": {kind: {row: curves.as_dict() for row, curves in rows.items()} for kind, rows in kinds.items()},
    }
    figures["versus"] = {name: _exceeds(by_image[encoded.model], one) for name, one in others_by_image.items()}
    if imagenet is not None:
        gain = by_image[encoded.model].ndcg.mean() / by_image[IMAGENET].ndcg.mean() - 1
        figures["gain_over_imagenet_features"] = float(gain)
    return figures


def _exceeds(model: Curves, other: Curves) -> dict[str, Any]:
    more = model.ndcg_areas - other.ndcg_areas
    return {"ndcg_area": float(more.mean()), "interval": bootstrap_difference(more, np.arange(len(more)), seed=0)}


def measure(score: Scorer, relevance: Relevance, queries: NDArray[np.int64]) -> Curves:
    """Rank the other images for each query and average the curves.

    Args:
        score: called with rows of ``queries``.
        relevance: of the images.
        queries: ``(Q,)``, for each query its image, which is removed from the results.
    """
    totals: list[NDArray[np.float64]] = []
    areas: list[NDArray[np.float64]] = []
    for rows in np.array_split(np.arange(len(queries)), len(queries) // _BLOCK + 1):
        own = queries[rows]
        scores, gains = without_self(score(rows), own), without_self(relevance(own), own)
        depth = _depth(len(gains[0]) + 1)
        top = top_ranked(scores, gains, depth)
        retrieved, predicted = (np.take_along_axis(values, top, axis=1) for values in (gains, scores))
        curves = ndcg_curve(retrieved, ideal_gains(gains, depth)), pearson_curve(predicted, retrieved)
        totals.append(np.stack(curves).sum(axis=1))
        areas.append(curves[0].mean(axis=1))
    ndcg, pcc = np.sum(totals, axis=0) / len(queries)
    return Curves(ndcg, pcc, np.concatenate(areas))


def _bounds(relevance: Relevance, queries: NDArray[np.int64], images: int) -> dict[str, Curves]:
    """Measure the two rankings that do not depend on the model: by the relevance itself, and at random."""
    chance = [measure(_random(images, seed), relevance, queries) for seed in _RANDOM_SEEDS]
    mean = Curves(*(np.mean([getattr(c, f.name) for c in chance], axis=0) for f in fields(Curves)))
    return {f"{relevance.name} (oracle)": measure(_relevances(relevance, queries), relevance, queries), RANDOM: mean}


def inner_products(queries: Vectors, images: Vectors) -> Scorer:
    """Score ``(N, D)`` images for the rows of ``(M, D)`` queries."""
    return lambda rows: queries[rows] @ images.T


def _relevances(relevance: Relevance, queries: NDArray[np.int64]) -> Scorer:
    return lambda rows: relevance(queries[rows])


def _random(count: int, seed: int) -> Scorer:
    random = np.random.default_rng(seed)
    return lambda rows: random.random((len(rows), count))


def _depth(images: int) -> int:
    """Return the largest R: the query itself cannot be retrieved."""
    return min(DEPTH, images - 1)
