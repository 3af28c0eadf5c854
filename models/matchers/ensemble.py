r"""The sum of several matchers' scores, each divided by its standard deviation.

.. math:: m(\text{sentence}, x) = \sum_k m_k(\text{sentence}, x) / \sigma_k

The features of an image are those of the members, which have one shape. The file of weights holds the standard
deviations ("spreads") and the hashes of the members' weights, so that other members make another ensemble.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cards import MatcherCard
from models.checkpoint import read_arrays
from models.errors import CheckpointError
from models.matchers.frozen_pass import FrozenMatcher
from models.matchers.source import MatcherSource, VectorHead
from models.protocols import Matcher
from models.shipped import matcher_card
from models.text.packed_words import unpack_words
from models.types import Features


class StackedHeads:
    """The features of several heads of one shape, stacked: ``(N, C)`` to ``(N, K, …)``."""

    def __init__(self, heads: Sequence[VectorHead]) -> None:
        self._heads = heads

    def __call__(self, vectors: NDArray[np.float32]) -> Features:
        """Run them."""
        return np.stack([head(vectors) for head in self._heads], axis=1)


class SumOfScores:
    """The members' scores, divided by their spreads and summed up."""

    def __init__(self, members: Sequence[Matcher], spreads: Sequence[float]) -> None:
        self._members, self._spreads = members, spreads

    def __call__(self, text: str, features: Features) -> NDArray[np.float32]:
        """Score ``(M, members, …)`` features, ``(M,)``."""
        total = np.zeros(len(features), np.float32)
        for number, (member, spread) in enumerate(zip(self._members, self._spreads, strict=True)):
            total += member.score(text, features[:, number]) / np.float32(spread)
        return total

    def pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Score ``(S, K, members, …)`` features, ``(S, K)``."""
        total = np.zeros(features.shape[:2], np.float32)
        for number, (member, spread) in enumerate(zip(self._members, self._spreads, strict=True)):
            total += member.score_pairs(texts, features[:, :, number]) / np.float32(spread)
        return total


def load_vector_head(source: MatcherSource) -> VectorHead:
    """Load the members' heads."""
    return _heads(source, _members(read_arrays(source.folder, source.card), source.card))


def load_matcher(source: MatcherSource) -> FrozenMatcher:
    """Load the members."""
    arrays = read_arrays(source.folder, source.card)
    cards = _members(arrays, source.card)
    score = SumOfScores([source.members.matcher(card.name) for card in cards], arrays["spreads"].tolist())
    return FrozenMatcher(source.card, _heads(source, cards), score, source.compiler)


def _heads(source: MatcherSource, members: Sequence[MatcherCard]) -> StackedHeads:
    return StackedHeads([source.members.vector_head(card.name) for card in members])


def _members(arrays: dict[str, NDArray[Any]], card: MatcherCard) -> list[MatcherCard]:
    """Return the members' cards.

    Raises:
        CheckpointError: a member has other weights than those that the ensemble was made of.
    """
    members = []
    for line in unpack_words(arrays["members"]):
        name, sha256 = line.split()
        members.append(matcher_card(name))
        if members[-1].weights_sha256 != sha256:
            raise CheckpointError(f"{card.name!r} was made of other weights of {name!r}; install semblance again")
    return members
