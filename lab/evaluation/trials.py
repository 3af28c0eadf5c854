"""Queries put to collections of several sizes, with what they ask for there and taken away.

A collection is drawn at random of the photographs of the query's own half and set, its own one among them; what a
larger one lacks is filled up with distractors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.asked import Ask
from lab.evaluation.pool import DISTRACTOR, Pool
from models.calibration import BEST
from models.errors import InputError
from models.types import Vectors

SIZES = (50, 200, 500, 2_000, 5_000, 15_000)
"""Photographs in a collection, at most."""


@dataclass(frozen=True)
class Trials:
    """One row a query and a collection that it was put to; R is ``BEST``.

    Attributes:
        query: ``(T, D)``, the query's vector.
        scores: ``(T, R)`` of the best results, descending.
        relevant: ``(T, R)``, whether they show what was asked.
        trained: ``(T, R)``, whether they are distractors, which the model may have been trained on.
        absent: ``(T,)``, whether everything that shows it was taken away.
        size: ``(T,)``, of ``SIZES``.
        among: ``(T,)``, how many items were searched.
        kind: ``(T,)``, number of the query's kind.
        half: ``(T,)``, that the query is of.
        dataset: ``(T,)``, that the query is of.
        number: ``(T,)``, of the query.
    """

    query: Vectors
    scores: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    trained: NDArray[np.bool_]
    absent: NDArray[np.bool_]
    size: NDArray[np.int64]
    among: NDArray[np.int64]
    kind: NDArray[np.int64]
    half: NDArray[np.int64]
    dataset: NDArray[np.int64]
    number: NDArray[np.int64]

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Whether a collection has distractors among its best, ``(T,)``."""
        return np.asarray(self.trained.any(axis=1))

    def where(self, rows: NDArray[np.bool_]) -> Trials:
        """Return some of the trials."""
        return Trials(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


Rescore = Callable[[str, NDArray[np.int64]], NDArray[np.float64]]
"""A sentence and rows of what is found, ``(R,)``, to what a matcher adds to their scores, ``(R,)``."""

_RERANKED = 50
_AT_ONCE = 256


@dataclass(frozen=True)
class Items:
    """What is found: M photographs, or captions of photographs.

    Attributes:
        vectors: ``(M, D)``.
        image_of: ``(M,)``, the photograph of each.
        rescore: by which the best are put in a new order.
    """

    vectors: Vectors
    image_of: NDArray[np.int64]
    rescore: Rescore | None = None


def make_trials(pool: Pool, asked: Sequence[Ask], items: Items, seed: int) -> Trials:
    """Put every query to one collection, and to the same one without what shows the thing.

    Raises:
        InputError: no collection has as many photographs as a calibration is fitted to.
    """
    random, kinds = np.random.default_rng(seed), kinds_of(asked)
    rows = [
        (number, kinds.index(one.kind), *trial)
        for number, (one, every) in enumerate(zip(asked, _scores(asked, items), strict=True))
        for trial in _put(pool, one, items, every, random)
    ]
    if not rows:
        raise InputError(f"a calibration needs queries and collections of at least {BEST} photographs; give more")
    number, kind, size, absent, among, scores, found, relevant = zip(*rows, strict=True)
    images = np.array([asked[each].image for each in number])
    return Trials(
        query=np.stack([asked[each].vector for each in number]),
        scores=np.stack(scores),
        relevant=np.stack(relevant),
        trained=pool.half[np.stack(found)] == DISTRACTOR,
        absent=np.array(absent),
        size=np.array(size),
        among=np.array(among),
        kind=np.array(kind),
        half=pool.half[images],
        dataset=pool.dataset[images],
        number=np.array(number),
    )


def kinds_of(asked: Sequence[Ask]) -> list[str]:
    """Return the kinds of queries, in the order of their numbers in ``Trials``."""
    return sorted({one.kind for one in asked})


def _scores(asked: Sequence[Ask], items: Items) -> Iterator[NDArray[np.float32]]:
    """Yield the scores of all items for each query, ``(M,)``."""
    for start in range(0, len(asked), _AT_ONCE):
        yield from np.stack([one.vector for one in asked[start : start + _AT_ONCE]]) @ items.vectors.T


def _put(
    pool: Pool, one: Ask, items: Items, every: NDArray[np.float32], random: np.random.Generator
) -> Iterator[tuple[int, bool, int, NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]]:
    """Yield size, absence, how many are searched, and the best: scores, photographs, whether these show the thing."""
    shows, size = one.shows(), int(random.choice(SIZES))
    half = pool.part(int(pool.dataset[one.image]), int(pool.half[one.image]))
    others = random.permutation(half[half != one.image])[: size - 1]
    filling = random.permutation(pool.distractors)[: size - 1 - len(others)]
    members = np.zeros(len(pool.captions), bool)
    members[others], members[filling], members[one.image] = True, True, one.finds_itself
    for absent in (False, True):
        searched = np.flatnonzero((members & ~shows if absent else members)[items.image_of])
        rows = searched[np.argsort(-every[searched], kind="stable")[:_RERANKED]]
        scores = every[rows]
        if items.rescore is not None and len(rows):
            scores = (scores + items.rescore(one.text, rows)).astype(np.float32)
        order = np.argsort(-scores, kind="stable")[:BEST]
        found = items.image_of[rows[order]]
        if len(order) == BEST:
            yield size, absent, len(searched), scores[order], found, shows[found]
