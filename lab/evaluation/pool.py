"""The photographs that calibration is fitted on: captioned ones in two halves, and distractors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.shown import Shown
from models.types import Vectors

HALVES = 2
DISTRACTOR = -1


@dataclass(frozen=True)
class Pool:
    """N photographs of several captioned sets.

    Attributes:
        names: of the sets.
        captions: of each photograph.
        vectors: ``(N, D)``.
        dataset: ``(N,)``, number of the set.
        half: ``(N,)``, 0 or 1; ``DISTRACTOR`` for one that no query is made of.
    """

    names: Sequence[str]
    captions: Sequence[Sequence[str]]
    vectors: Vectors
    dataset: NDArray[np.int64]
    half: NDArray[np.int64]

    def parts(self) -> Iterator[tuple[NDArray[np.int64], int]]:
        """Yield the photographs of each half of each set that queries are made of, and the number of the set."""
        for dataset in np.unique(self.dataset[self.half != DISTRACTOR]).tolist():
            for half in range(HALVES):
                yield self.part(dataset, half), dataset

    def part(self, dataset: int, half: int) -> NDArray[np.int64]:
        """Return the photographs of one half of one set."""
        return np.flatnonzero((self.dataset == dataset) & (self.half == half))

    def first_of(self, dataset: int) -> int:
        """Return the first photograph of a set."""
        return int(np.argmax(self.dataset == dataset))

    def of(self, dataset: int) -> Sequence[Sequence[str]]:
        """Return the captions of each photograph of a set."""
        first = self.first_of(dataset)
        return self.captions[first : first + int((self.dataset == dataset).sum())]

    @cached_property
    def distractors(self) -> NDArray[np.int64]:
        """The photographs that no query is made of."""
        return np.flatnonzero(self.half == DISTRACTOR)

    @cached_property
    def shown(self) -> Shown:
        """What each photograph shows."""
        return Shown(self.captions)


def make_pool(sets: Sequence[EncodedSet], distractors: Sequence[EncodedSet], seed: int) -> Pool:
    """Put sets into one pool; each of the first ones is cut into halves at random."""
    random = np.random.default_rng(seed)
    halves = [random.permutation(np.arange(len(one.images)) % HALVES) for one in sets]
    every = [*sets, *distractors]
    return Pool(
        names=[one.data.name for one in every],
        captions=[own for one in every for own in one.data.captions],
        vectors=np.concatenate([one.images for one in every]),
        dataset=np.repeat(np.arange(len(every)), [len(one.images) for one in every]),
        half=np.concatenate([*halves, *(np.full(len(one.images), DISTRACTOR) for one in distractors)]),
    )
