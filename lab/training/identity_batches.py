"""Batches of photographs, each with one of its captions as word numbers, and of further photographs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.training.text_pages import NO_WORD
from models.text.text_image import COLUMNS

_MAX_ROWS = 5
"""In training: a hundredth of the captions has more than 20 words, which are cut."""


@dataclass(frozen=True)
class IdentityBatch:
    """B photographs, ``(B,)``, a sentence of each, ``(B, 20)``, M other photographs, ``(M,)``, and the view of all."""

    photographs: NDArray[np.int64]
    sentences: NDArray[np.int64]
    others: NDArray[np.int64]
    view: int


class IdentityBatches:
    """Draws the batches of a pass, every photograph once.

    Args:
        captions: of each photograph one or more, each word numbers.
        batch: B.
        others: M.
        views: of each photograph there are so many.
        word_loss: share of the words that go; one at least stays.
    """

    def __init__(
        self, captions: Sequence[Sequence[Sequence[int]]], batch: int, others: int, views: int, word_loss: float
    ) -> None:
        self._numbers = padded([one for own in captions for one in own], _MAX_ROWS)
        self._counts = np.array([len(own) for own in captions])
        self._first = self._counts.cumsum() - self._counts
        self._batch, self._others, self._views, self._word_loss = batch, others, views, word_loss

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._counts) // self._batch

    def __call__(self, seed: int) -> Iterator[IdentityBatch]:
        """Draw a pass."""
        random = np.random.default_rng(seed)
        order = random.permutation(len(self._counts))
        for start in range(0, len(self) * self._batch, self._batch):
            chosen = order[start : start + self._batch]
            drawn = self._numbers[self._first[chosen] + random.integers(self._counts[chosen])]
            sentences = lossy(drawn, self._word_loss, random)
            others = random.integers(len(self._counts), size=self._others)
            yield IdentityBatch(chosen, sentences, others, int(random.integers(self._views)))


def padded(sentences: Sequence[Sequence[int]], rows: int) -> NDArray[np.int64]:
    """Put sentences into ``(N, 4 rows)``, cut to that length, ``NO_WORD`` behind their ends."""
    numbers = np.full((len(sentences), COLUMNS * rows), NO_WORD, np.int64)
    for row, sentence in zip(numbers, sentences, strict=True):
        kept = sentence[: len(row)]
        row[: len(kept)] = kept
    return numbers


def lossy(numbers: NDArray[np.int64], share: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Lose a share of the words of padded sentences ``(N, P)``; those that stay move up, and one at least stays."""
    if not share:
        return numbers
    there = numbers != NO_WORD
    kept = there & (random.random(numbers.shape) >= share)
    kept[np.arange(len(kept)), random.integers(np.maximum(1, there.sum(axis=1)))] = True
    kept &= there
    order = np.argsort(~kept, axis=1, kind="stable")
    return np.take_along_axis(np.where(kept, numbers, NO_WORD), order, axis=1)
