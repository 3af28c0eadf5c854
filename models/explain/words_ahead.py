"""Encodes what words will be weighed by while the image is looked at: two things that need not wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor

from models.explain.words import without_each_word
from models.types import Vectors

Encode = Callable[[Sequence[str]], Vectors]


class WordsAhead:
    """Embeds N sentences as ``(N, D)``; those of a query without one of its words have been on their way since.

    Args:
        encode: that does it.
        texts: of the query's terms; None of those that are not made of words.
        executor: whose threads encode.
    """

    def __init__(self, encode: Encode, texts: Iterable[str | None], executor: Executor) -> None:
        wanted = list(dict.fromkeys(left for text in texts if text for left in without_each_word(text) if left))
        self._encode = encode
        self._rows = {text: row for row, text in enumerate(wanted)}
        self._coming = executor.submit(encode, wanted) if wanted else None

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of N sentences, whichever they are."""
        if self._coming is None or not all(text in self._rows for text in texts):
            return self._encode(texts)
        vectors: Vectors = self._coming.result()[[self._rows[text] for text in texts]]
        return vectors
