"""How much each word of a query adds to a score."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from models.composition import Term, compose, score_of
from models.errors import QueryError
from models.evidence import TermWords, WordSaliency
from models.explain.blocks import held
from models.protocols import DualEncoder, LeftTextEncoder, Match
from models.types import Vectors

WORD = re.compile(r"\w+(?:['’-]\w+)*")


EncodeLeft = Callable[[Sequence[str], str], Vectors]
"""Embeds N texts that are left of another, the second argument, as ``(N, D)``; see ``LeftTextEncoder``."""


def encode_left_of(encoder: DualEncoder) -> EncodeLeft:
    """Return how an encoder embeds what is left of texts: as any other, where it reads all alike."""
    if isinstance(encoder, LeftTextEncoder):
        return encoder.encode_left
    return lambda texts, _like: encoder.encode_texts(texts)


def word_saliency(
    match: Match, blocks: tuple[int, ...] = (), places: Vectors | None = None, grid: tuple[int, int] = (0, 0)
) -> tuple[TermWords, ...]:
    """Measure the words of every term that is made of words, for what the vectors score.

    What a matcher makes of them is its own, see ``models.explain.reranked``.

    Args:
        match: the query and the result.
        blocks: of the encoder's vectors, whose shares stay while words go (see ``models.explain.blocks``).
        places: ``(P, D)``, what each place of the result adds to its vector; then every word has a map, too.
        grid: rows and columns of the places.
    """
    return tuple(
        _words_of(match, at, term.label, term.text, blocks, places, grid)
        for at, term in enumerate(match.query.terms)
        if term.text is not None
    )


def _words_of(
    match: Match,
    at: int,
    label: str,
    text: str,
    blocks: tuple[int, ...],
    places: Vectors | None,
    grid: tuple[int, int],
) -> TermWords:
    left_out = _LeftOut(match, at, blocks)
    words = leave_one_out(text, left_out.scores)
    if not words:
        return TermWords(label, ())
    if places is not None:
        lost = match.query.vector - left_out.composed[1:]
        maps = (lost @ places.T).reshape(len(words), *grid).astype(np.float32)
        words = [replace(word, values=values) for word, values in zip(words, maps, strict=True)]
    whole, nothing = left_out.scores([text, ""])
    return TermWords(label, tuple(words), whole - nothing - sum(word.value for word in words))


def leave_one_out(text: str, scores_of: Callable[[Sequence[str]], Sequence[float]]) -> list[WordSaliency]:
    """Measure each word by leaving it out (Li, Monroe and Jurafsky 2016, representation erasure).

    Args:
        text: the query; words are runs of letters and digits with inner hyphens and apostrophes.
        scores_of: N texts to their N scores. The last of them is empty where the text has a single word.

    Returns:
        The words in the order of the text; of a text without words, none.
    """
    words = list(WORD.finditer(text))
    if not words:
        return []
    whole, *rest = scores_of([text, *without_each_word(text)])
    return [WordSaliency(w.group(), w.start(), w.end(), whole - score) for w, score in zip(words, rest, strict=True)]


def without_each_word(text: str) -> list[str]:
    """Return a text without the first of its words, without the second, and so on, with single spaces."""
    return [" ".join((text[: w.start()] + text[w.end() :]).split()) for w in WORD.finditer(text)]


class _LeftOut:
    """Scores a match with other texts in place of one term's.

    Attributes:
        composed: ``(N, D)``, of the first texts that were scored, the query's vector with each.
    """

    def __init__(self, match: Match, at: int, blocks: tuple[int, ...]) -> None:
        self._match, self._at, self._blocks = match, at, blocks
        own = match.query.terms[at]
        self._vectors: dict[str, Vectors] = {} if own.text is None else {own.text: own.vector}
        self.composed: Vectors = np.empty((0, 0), np.float32)

    def scores(self, texts: Sequence[str]) -> list[float]:
        """Return the score with each of several texts; an empty one is no term."""
        match = self._match
        self._encode([text for text in texts if text])
        queries = [self._terms(text) for text in texts]
        if not self.composed.size:
            self.composed = np.stack([_composed(terms, match.vector.size) for terms in queries])
        return [score_of(terms, match.vector) for terms in queries]

    def _encode(self, texts: Sequence[str]) -> None:
        """Encode texts, the shares of their blocks as the term itself has them."""
        new = [text for text in texts if text not in self._vectors]
        if new:
            like = self._match.query.terms[self._at].vector
            self._vectors.update(zip(new, held(self._left(new), like, self._blocks), strict=True))

    def _left(self, texts: Sequence[str]) -> Vectors:
        match = self._match
        whole = match.query.terms[self._at].text
        if match.encode_left is None or whole is None:
            return match.encode_texts(texts)
        return match.encode_left(texts, whole)

    def _terms(self, text: str) -> list[Term]:
        terms = self._match.query.terms
        instead = [replace(terms[self._at], text=text, vector=self._vectors[text])] if text else []
        return [*terms[: self._at], *instead, *terms[self._at + 1 :]]


def _composed(terms: Sequence[Term], dimension: int) -> Vectors:
    """Return the query's vector ``(D,)``, zeros where nothing is left of it."""
    try:
        return compose(terms).vector if terms else np.zeros(dimension, np.float32)
    except QueryError:  # what is left cancels out
        return np.zeros(dimension, np.float32)
