"""Where the words of a sentence find their places: the similarities of ``late-interaction``, place by place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.inference.runner import Runner

MATCHER = "late-interaction"
SHARPNESS = 5.0
"""How much more a word counts at its best places; chosen on the development sets."""


class Tokens(Protocol):
    """Gives the words of a sentence as vectors."""

    def tokens(self, text: str) -> NDArray[np.float32]:
        """Return unit vectors ``(T, 128)``, and behind each its share of the sentence, ``(T, 129)``."""
        ...


class WordRegions:
    """Compares sentences with places.

    Args:
        regions: features of places ``(N, F)`` to unit vectors ``(N, 128)``.
        tokens: loads what gives the words' vectors, when the first sentence comes.
    """

    def __init__(self, regions: Runner, tokens: Callable[[], Tokens]) -> None:
        self._regions, self._load_tokens = regions, tokens

    def __call__(self, features: NDArray[np.float32]) -> Callable[[str], NDArray[np.float32]]:
        """Return what tells of a sentence how well it fits each place of ``(P, F)``, ``(P,)``.

        It is the sum of its words' similarities, each with its share, and counted at the places where it is largest.
        """
        regions = self._regions(features)

        def fit(text: str) -> NDArray[np.float32]:
            tokens = self._load_tokens().tokens(text)
            return fit_of(regions @ tokens[:, :-1].T, tokens[:, -1])

        return fit


def fit_of(similarities: NDArray[np.float32], shares: NDArray[np.float32]) -> NDArray[np.float32]:
    r"""Return the fit of a sentence to each place, ``(P,)``: :math:`\sum_i a_i w_{gi} s_{gi}`.

    The matcher takes of each word its best place; :math:`w_{\cdot i}` is the softmax of ``SHARPNESS`` times the word's
    similarities, which has the best and those near it.

    Args:
        similarities: ``(P, T)``.
        shares: ``(T,)``, of the words in the sentence.
    """
    raised = np.exp(SHARPNESS * (similarities - similarities.max(axis=0)))
    fit: NDArray[np.float32] = (raised / raised.sum(axis=0) * similarities) @ shares
    return fit
