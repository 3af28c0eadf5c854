r"""One query vector from several signed terms, and the exact share of each term in every score.

.. math:: q = \frac{v + \sum_i w_i t_i}{\lVert v + \sum_i w_i t_i \rVert}, \qquad
          \langle q, x \rangle = \frac{\langle v, x \rangle}{\lVert \cdot \rVert} +
                                 \sum_i \frac{w_i \langle t_i, x \rangle}{\lVert \cdot \rVert}

with the source's unit vector v (left out where a query has no source), the modifiers' unit vectors t_i and weights w_i.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import QueryError
from models.types import Vectors

SHOWN_DECIMALS = 6
"""Shares are rounded before they are added, so that the printed shares add up to the printed score."""

VANISHING = 1e-6
"""A weighted sum shorter than this has no direction: float32 unit vectors that cancel out leave about 1e-7."""


@dataclass(frozen=True)
class Term:
    """One part of a query.

    Attributes:
        label: what it is called in answers.
        vector: ``(D,)``, unit length.
        weight: of the vector in the sum.
        text: the words that were encoded; None where the vector is not one of words.
    """

    label: str
    vector: Vectors
    weight: float = 1.0
    text: str | None = None


@dataclass(frozen=True)
class ComposedQuery:
    """A unit query vector and the parts that it is the sum of.

    Attributes:
        labels: of the T terms.
        vector: ``(D,)`` float32, unit length.
        parts: ``(T, D)`` float64; their sum is ``vector``.
    """

    labels: tuple[str, ...]
    vector: Vectors
    parts: NDArray[np.float64]

    def contributions(self, vectors: Vectors) -> NDArray[np.float64]:
        """Return each term's share of the score of each of ``(N, D)`` vectors, ``(N, T)``."""
        shares: NDArray[np.float64] = np.round(vectors.astype(np.float64) @ self.parts.T, SHOWN_DECIMALS)
        return shares

    def scores(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up ``(N, T)`` shares to N scores."""
        scores: NDArray[np.float64] = np.round(contributions.sum(axis=1), SHOWN_DECIMALS)
        return scores


def compose(terms: Sequence[Term]) -> ComposedQuery:
    """Compose terms, at least one, to a query.

    Raises:
        QueryError: the terms cancel each other out, so that no direction is left to search in.
    """
    weighted = np.stack([np.float64(term.weight) * term.vector.astype(np.float64) for term in terms])
    length = np.linalg.norm(weighted.sum(axis=0))
    if length < VANISHING:
        raise QueryError("The terms of the query cancel each other out: nothing is left to search for.")
    parts = weighted / length
    vector = np.ascontiguousarray(parts.sum(axis=0), dtype=np.float32)
    return ComposedQuery(tuple(term.label for term in terms), vector, parts)
