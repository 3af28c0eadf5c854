"""A fixed vocabulary, and sentences as rows of its word numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.text.normalise import normalise

PADDING, UNKNOWN, START, END = 0, 1, 2, 3
"""The reserved numbers: padding, a word outside the vocabulary, the start and the end of a sentence."""
RESERVED = 4

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def split_words(text: str) -> list[str]:
    """Return a sentence's words in their normal form (see ``normalise``) and order; punctuation goes."""
    return _WORD.findall(normalise(text))


class Vocabulary:
    """V words, numbered from ``RESERVED`` on."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._numbers = {word: number for number, word in enumerate(words, start=RESERVED)}

    def __len__(self) -> int:
        """Return how many numbers there are, the reserved ones included."""
        return RESERVED + len(self.words)

    def number(self, word: str) -> int:
        """Return a word's number."""
        return self._numbers.get(word, UNKNOWN)

    def word(self, number: int) -> str:
        """Return the word of a number that is not reserved."""
        return self.words[number - RESERVED]

    def encode(
        self, texts: Sequence[str], *, max_words: int, ends: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return N sentences as numbers and mask, each ``(N, T)``, padded to the longest of them (T is at least 1).

        Args:
            texts: the sentences.
            max_words: further words are cut.
            ends: put ``START`` before and ``END`` behind each sentence.
        """
        rows = [[self.number(word) for word in split_words(text)[:max_words]] for text in texts]
        if ends:
            rows = [[START, *row, END] for row in rows]
        numbers = np.full((len(rows), max([1, *map(len, rows)])), PADDING, np.int64)
        mask = np.zeros_like(numbers)
        for index, row in enumerate(rows):
            numbers[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return numbers, mask


def frequent_vocabulary(texts: Iterable[str], at_least: int = 5) -> Vocabulary:
    """Return the words that occur ``at_least`` times or more, most frequent first, ties in alphabetical order."""
    counts = Counter(word for text in texts for word in split_words(text))
    frequent = [word for word, count in counts.items() if count >= at_least]
    return Vocabulary(sorted(frequent, key=lambda word: (-counts[word], word)))
