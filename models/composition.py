r"""One query vector from several signed terms, and the exact share of each term in every score.

.. math:: q = \frac{v + \sum_i w_i t_i}{\lVert v + \sum_i w_i t_i \rVert}, \qquad
          \langle q, x \rangle = \sum_i \frac{w_i}{\lVert \cdot \rVert} \langle t_i, x \rangle
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import QueryError
from models.types import Vectors

VANISHING = 1e-6
"""A weighted sum shorter than this has no direction: terms that cancel each other out leave some 1e-8 of rounding."""
SHOWN_DECIMALS = 6
"""Shares are rounded before they are added, so that the printed shares add up to the printed score."""


@dataclass(frozen=True)
class Term:
    """One part of a query.

    Attributes:
        label: what it is called in answers.
        vector: ``(D,)``, unit length.
        weight: of the vector in the sum.
        text: the words that the vector means; None where it is of an image.
    """

    label: str
    vector: Vectors
    weight: float = 1.0
    text: str | None = None


@dataclass(frozen=True)
class ComposedQuery:
    """A unit query vector and the parts that it is the sum of.

    Attributes:
        terms: T of them; the first is what the query starts from, a sentence, an image or an embedding.
        vector: ``(D,)`` float32, unit length.
        parts: ``(T, D)`` float64; their sum is ``vector``.
    """

    terms: tuple[Term, ...]
    vector: Vectors
    parts: NDArray[np.float64]

    @property
    def labels(self) -> tuple[str, ...]:
        """What the terms are called."""
        return tuple(term.label for term in self.terms)

    @property
    def first_weight(self) -> np.float32:
        """What the unit vector of the first term weighs in ``vector``."""
        return np.float32(self.parts[0] @ self.terms[0].vector)

    def contributions(self, vectors: Vectors) -> NDArray[np.float64]:
        """Return each term's share of the score of each of ``(N, D)`` vectors, ``(N, T)``."""
        shares: NDArray[np.float64] = np.round(vectors.astype(np.float64) @ self.parts.T, SHOWN_DECIMALS)
        return shares

    def scores(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up ``(N, T)`` shares to N scores."""
        scores: NDArray[np.float64] = np.round(contributions.sum(axis=1), SHOWN_DECIMALS)
        return scores


def compose(terms: Sequence[Term]) -> ComposedQuery:
    """Compose terms (at least one) to a query.

    Raises:
        QueryError: the terms cancel each other out, so that no direction is left to search in.
    """
    weighted = _weighted(terms)
    length = np.linalg.norm(weighted.sum(axis=0))
    if length < VANISHING:
        raise QueryError("The terms of the query cancel each other out: nothing is left to search for.")
    parts = weighted / length
    vector = np.ascontiguousarray(parts.sum(axis=0), dtype=np.float32)
    return ComposedQuery(tuple(terms), vector, parts)


def score_of(terms: Sequence[Term], vector: Vectors) -> float:
    """Return the score of a vector ``(D,)`` for what terms compose to, not rounded.

    It is 0 where they compose to nothing: where there are none, or where they cancel each other out.
    """
    if not terms:
        return 0.0
    summed = _weighted(terms).sum(axis=0)
    length = np.linalg.norm(summed)
    return 0.0 if length < VANISHING else float(summed @ vector.astype(np.float64) / length)


def _weighted(terms: Sequence[Term]) -> NDArray[np.float64]:
    """Return the weighted vectors, ``(T, D)``."""
    return np.stack([np.float64(term.weight) * term.vector.astype(np.float64) for term in terms])
