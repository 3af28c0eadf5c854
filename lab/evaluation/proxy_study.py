"""Which measure of relevance orders images as people would (Gordo & Larlus, CVPR 2017, table 1), without the people.

A triplet is a query image and two of its visual neighbours. In the paper, people say which of the two is nearer. Here
captions do that are held apart from what is measured: each of the query's votes for the image that has the more similar
caption, by a sentence encoder that no proxy uses, or for neither where both are about as similar. That captions agree
with captions is easier than that they agree with people: the figures rank the measures, and are not the paper's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.data.captioned import CaptionedImages
from lab.evaluation.relevance import Relevance, pair_relevances
from lab.metrics.agreement import agreement_shares, inter_user_agreement, random_agreement
from lab.metrics.bootstrap import bootstrap_difference
from models.errors import InputError
from models.types import Vectors

HELD_APART = 2
"""Captions of each image that vote; the others are what the proxies know of it."""
_INDIFFERENT = 0.05
"""By how much one image's cosine must exceed the other's for a vote."""
_NEIGHBOURS = 50
_SEED = 1


@dataclass(frozen=True)
class Triplets:
    """T judged triplets.

    Attributes:
        images: ``(T, 3)``, rows of the query and of the two images.
        votes: ``(T, 3)``, for the first, for the second, for neither.
    """

    images: NDArray[np.int64]
    votes: NDArray[np.int64]


class InnerProducts:
    """Inner products of vectors ``(N, D)``, as a ``Relevance``."""

    def __init__(self, name: str, vectors: Vectors) -> None:
        self.name, self._vectors = name, vectors

    def __call__(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the relevance of every image to each of Q images, ``(Q, N)``."""
        return np.asarray(self._vectors[images] @ self._vectors.T)


def split_captions(data: CaptionedImages) -> tuple[CaptionedImages, CaptionedImages]:
    """Return the images with the captions that proxies know, and with those that vote.

    Raises:
        InputError: an image with too few captions to hold some apart.
    """
    few = [file.name for file, own in zip(data.files, data.captions, strict=True) if len(own) <= HELD_APART]
    if few:
        raise InputError(f"{len(few)} images have fewer than {HELD_APART + 1} captions, such as {few[0]}")
    known = tuple(own[:-HELD_APART] for own in data.captions)
    voting = tuple(own[-HELD_APART:] for own in data.captions)
    return replace(data, captions=known), replace(data, captions=voting)


def judged_triplets(
    voting: CaptionedImages, features: Vectors, encode: Callable[[Sequence[str]], Vectors], count: int
) -> Triplets:
    """Draw triplets and let captions judge them.

    Args:
        voting: N images with the captions that are held apart.
        features: ``(N, F)``, whose inner product tells visual neighbours.
        encode: M sentences to unit vectors ``(M, D)``.
        count: T.

    Raises:
        InputError: fewer than 3 images.
    """
    if len(voting) < 3:
        raise InputError(f"the set has {len(voting)} images: triplets need at least 3")
    random = np.random.default_rng(_SEED)
    near = _neighbours(features, min(_NEIGHBOURS, len(voting) - 1))
    queries = random.integers(len(voting), size=count)
    pairs = np.array([random.choice(near[query], 2, replace=False) for query in queries])
    images = np.column_stack([queries, pairs])
    sentences = encode(voting.flat_captions()[0]).reshape(len(voting), HELD_APART, -1)
    query, first, second = (sentences[column] for column in images.T)
    lead = _best(query, first) - _best(query, second)
    votes = [(lead > _INDIFFERENT), (lead < -_INDIFFERENT), (np.abs(lead) <= _INDIFFERENT)]
    return Triplets(images, np.stack([vote.sum(axis=1) for vote in votes], axis=1))


def evaluate_proxies(triplets: Triplets, measures: Sequence[Relevance]) -> dict[str, Any]:
    """Return how far measures of relevance agree with the votes.

    Returns:
        Of each measure ``agreement`` (see ``agreement_with_users``) with its 95 % interval, images drawn anew;
        ``differences`` of each from the first, paired; and the agreement of captions with each other and of chance.
    """
    decided = triplets.votes[:, :2].any(axis=1)
    if not decided.any():
        raise InputError("no caption prefers an image of any triplet")
    queries, owner = np.unique(triplets.images[decided, 0], return_inverse=True)
    shares = {}
    for measure in measures:
        first, second = (pair_relevances(measure, triplets.images[:, 0], column) for column in triplets.images[:, 1:].T)
        shares[measure.name] = agreement_shares(triplets.votes, first, second)[decided]
    base, of_base = next(iter(shares.items()))
    return {
        "triplets": int(decided.sum()),
        "queries": len(queries),
        "between_captions": inter_user_agreement(triplets.votes),
        "random": random_agreement(triplets.votes),
        "measures": {name: _mean(own, owner, "agreement") for name, own in shares.items()},
        "differences": {
            "from": base,
            "by": {name: _mean(own - of_base, owner, "difference") for name, own in shares.items() if name != base},
        },
    }


def _mean(values: NDArray[np.float64], owner: NDArray[np.int64], name: str) -> Mapping[str, Any]:
    return {name: float(values.mean()), "interval": bootstrap_difference(values, owner, seed=_SEED)}


def _neighbours(features: Vectors, count: int) -> NDArray[np.int64]:
    scores = features @ features.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :count]


def _best(query: Vectors, image: Vectors) -> Vectors:
    """Return for each of the query's captions its cosine with the nearest one of the image, ``(T, H)``."""
    cosines: Vectors = np.einsum("thd,tgd->thg", query, image).max(axis=2)
    return cosines
