"""Sentences as word numbers on the device that trains, numbered once and not again in every batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.text.vocabulary import UNKNOWN, Vocabulary


class NumberedSentences:
    """M sentences.

    Args:
        vocabulary: numbers the words.
        texts: the sentences.
        max_words: further words are cut.
        device: torch's name of where the numbers are kept.
    """

    def __init__(self, vocabulary: Vocabulary, texts: Sequence[str], max_words: int, device: str) -> None:
        numbers, mask = vocabulary.encode(texts, max_words=max_words)
        self._lengths = mask.sum(axis=1)
        self._numbers, self._mask = torch.from_numpy(numbers).to(device), torch.from_numpy(mask).to(device)

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return numbers and mask of some, each ``(S, T)``, T the longest of them and at least 1."""
        longest = max(1, int(self._lengths[rows].max()))
        at = torch.from_numpy(rows).to(self._numbers.device)
        return self._numbers[at, :longest], self._mask[at, :longest]

    def by_length(self, at_once: int) -> Iterator[NDArray[np.int64]]:
        """Split all rows into such of like length."""
        order = np.argsort(self._lengths, kind="stable")
        for start in range(0, len(order), at_once):
            yield order[start : start + at_once]


def with_unknown(numbers: Tensor, mask: Tensor, share: float) -> Tensor:
    """Replace a share of the words by the unknown word; numbers and mask are ``(S, T)``."""
    if not share:
        return numbers
    return torch.where((torch.rand(numbers.shape, device=numbers.device) < share) & mask.bool(), UNKNOWN, numbers)
