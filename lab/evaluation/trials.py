"""Queries put to collections of several sizes, with the images that match them there and taken away.

Where there is no match, what is taken away is either the query's own image alone (images much like it stay, so this is
hard), or its own and the twentieth of the collection whose captions are nearest to the query's in tf-idf: its topic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lab.data.captioned import CaptionedImages
from lab.evaluation.encoded import EncodedSet
from models.calibration import BEST, log_share, match_features, null_rows

Direction = Literal["text-to-image", "image-to-text"]

TEMPERATURES = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1)
"""Among which the likelihood chooses."""

SIZES = (100, 300)
"""Images of the smaller collections; the whole set is the largest one."""

_TOPIC = 0.05
PRESENT, OWN, TOPIC = 0, 1, 2
"""What was taken away: nothing, the query's own image, its topic."""


@dataclass(frozen=True)
class Trials:
    """One row a query and a collection that it was put to.

    Attributes:
        best: ``(Q, B)`` the best scores, descending.
        relevant: ``(Q, B)`` whether they are of the query's own image.
        features: ``(Q, 4)``, ``match_features``.
        shares: ``(Q, T)``, ``log_share`` at each of ``TEMPERATURES``.
        removed: ``(Q,)`` PRESENT, OWN or TOPIC.
        image: ``(Q,)`` the query's own image.
        size: ``(Q,)`` images in the collection, before any were taken away.
        dataset: ``(Q,)`` number of the captioned set.
    """

    best: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    features: NDArray[np.floating]
    shares: NDArray[np.floating]
    removed: NDArray[np.int64]
    image: NDArray[np.int64]
    size: NDArray[np.int64]
    dataset: NDArray[np.int64]

    def where(self, rows: NDArray[np.bool_]) -> Trials:
        """Return some of the trials."""
        return Trials(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def make_trials(sets: Sequence[EncodedSet], direction: Direction, seed: int = 1) -> Trials:
    """Put every query to a collection of each size: the set is cut at random into collections of that size.

    Args:
        sets: captioned sets; of each image's captions so many are used as every image has.
        direction: ``text-to-image``: each caption is a query, its image is relevant; ``image-to-text``: each image is
            a query, its captions are relevant.
        seed: of the cuts.
    """
    random = np.random.default_rng(seed)
    parts = [part for number, one in enumerate(sets) for part in _trials_of(one, number, direction, random)]
    names = [field.name for field in fields(Trials)]
    return Trials(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _trials_of(encoded: EncodedSet, number: int, direction: Direction, random: np.random.Generator) -> Iterator[Trials]:
    images = encoded.images[:, None]
    each = min(map(len, encoded.captions_of_image))
    rows = np.array([own[:each] for own in encoded.captions_of_image])
    captions = encoded.captions[rows]
    queries, items = (captions, images) if direction == "text-to-image" else (images, captions)
    likeness = _likeness(encoded.data, each if direction == "text-to-image" else None)
    total = len(images)
    for size in sorted({min(size, total) for size in (*SIZES, total)}):
        order = random.permutation(total)
        for start in range(0, total - size + 1, size):
            members = order[start : start + size]
            for removed in (PRESENT, OWN, TOPIC):
                yield _put(queries[members], items[members], likeness[members][:, :, members], removed, members, number)


def _put(
    queries: NDArray[np.float32],
    items: NDArray[np.float32],
    likeness: NDArray[np.float32],
    removed: int,
    members: NDArray[np.int64],
    number: int,
) -> Trials:
    """Put the queries of a collection's images ``(n, q, D)`` to its items ``(n, p, D)``, less those to be removed."""
    size, each = queries.shape[:2]
    own = np.repeat(np.arange(size), each)
    nearness = likeness.reshape(size * each, size).copy()
    nearness[np.arange(size * each), own] = np.inf
    taken = {PRESENT: 0, OWN: 1, TOPIC: max(1, round(_TOPIC * size))}[removed]
    kept = np.argsort(-nearness, axis=1)[:, taken:]
    every = (queries.reshape(size * each, -1) @ items.reshape(-1, items.shape[-1]).T).reshape(len(own), size, -1)
    scores = np.take_along_axis(every, kept[:, :, None], axis=1)
    relevant = np.broadcast_to((kept == own[:, None])[:, :, None], scores.shape).reshape(len(own), -1)
    scores = scores.reshape(len(own), -1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :BEST]
    best, count = np.take_along_axis(scores, order, axis=1), scores.shape[1]
    null = scores[:, null_rows(count)]
    return Trials(
        best=best,
        relevant=np.take_along_axis(relevant, order, axis=1),
        features=match_features(best, null, count),
        shares=np.stack([log_share(best, null, count, temperature) for temperature in TEMPERATURES], axis=1),
        removed=np.full(len(own), removed),
        image=members[own],
        size=np.full(len(own), size),
        dataset=np.full(len(own), number),
    )


def _likeness(data: CaptionedImages, each: int | None) -> NDArray[np.float32]:
    """Return the tf-idf cosine of each image's first captions (or all of them as one) with each image's captions.

    Returns:
        ``(N, each, N)``, or ``(N, 1, N)``.
    """
    from lab.evaluation.tfidf import StemTfidf

    tfidf = StemTfidf().fit(data.captions)
    queries = [(text,) for captions in data.captions for text in captions[:each]] if each else data.captions
    cosines = (tfidf.transform(queries) @ tfidf.transform(data.captions).T).toarray()
    return np.asarray(cosines, dtype=np.float32).reshape(len(data), -1, len(data))
