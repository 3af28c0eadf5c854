"""Encodes what words will be weighed by while the image is looked at: two things that need not wait for each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future
from typing import NamedTuple

from models.explain.words import EncodeLeft, without_each_word
from models.types import Vectors


class _Coming(NamedTuple):
    """Vectors on their way, and the row of each text among them."""

    rows: dict[str, int]
    vectors: Future[Vectors]


class WordsAhead:
    """Embeds N texts that are left of another as ``(N, D)``; those that are left of some have long been on their way.

    Args:
        encode: that does it.
        texts: of the query's terms; None of those that are not made of words.
        executor: whose threads encode.
    """

    def __init__(self, encode: EncodeLeft, texts: Iterable[str | None], executor: Executor) -> None:
        self._encode = encode
        self._coming: dict[str, _Coming] = {}
        for text in dict.fromkeys(texts):
            wanted = list(dict.fromkeys(left for left in without_each_word(text or "") if left))
            if text and wanted:
                rows = {left: row for row, left in enumerate(wanted)}
                self._coming[text] = _Coming(rows, executor.submit(encode, wanted, text))

    def __call__(self, texts: Sequence[str], like: str) -> Vectors:
        """Return the vectors of N texts that are left of one, whichever they are."""
        coming = self._coming.get(like)
        if coming is None or not all(text in coming.rows for text in texts):
            return self._encode(texts, like)
        vectors: Vectors = coming.vectors.result()[[coming.rows[text] for text in texts]]
        return vectors
