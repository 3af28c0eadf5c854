"""The matchers in service: which of them fit is told from their cards, and each is loaded with its first use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from indexer.store.arrays import FeatureArray
from indexer.store.generation import Generation
from models.cards import MatcherCard
from models.errors import ModelError
from models.load_once import LoadOnce
from models.protocols import Matcher, ModelLibrary
from models.types import Features, Pixels

log = structlog.get_logger()


class Matchers:
    """Gives each matcher once.

    Args:
        library: of the matchers.
        at_once: name of one that is not to wait for its first use: the one of requests that name none.
    """

    def __init__(self, library: ModelLibrary, at_once: str | None = None) -> None:
        self._library = library
        self._at_once = at_once
        self._known: LoadOnce[str, Matcher] = LoadOnce()

    def fitting(self, generation: Generation, model: str) -> dict[str, Matcher]:
        """Return, by name, the matchers that re-rank a model's results and whose features the generation holds.

        A matcher that cannot be loaded, or whose features were made with other weights, is left out, and the log says
        why: the collection can be searched without it.
        """
        found = {}
        for name, array in generation.feature_arrays.items():
            try:
                matcher = self._known.get(name, lambda name=name: self._matcher(name))  # type: ignore[misc]
                _check_same_matcher(array, matcher.card)
            except ModelError as error:
                log.warning("matcher left out", matcher=name, reason=str(error))
                continue
            if matcher.card.encoder == model:
                found[name] = matcher
        return found

    def _matcher(self, name: str) -> Matcher:
        if name != self._at_once:
            return _LoadedAtFirstUse(self._library, name)
        matcher = self._library.matcher(name)
        matcher.score("warm-up", np.zeros((1, *matcher.card.feature_shape), dtype=np.float16))
        return matcher


class _LoadedAtFirstUse:
    """A ``Matcher`` of which only the card is there until it is used: most searches re-rank nothing."""

    def __init__(self, library: ModelLibrary, name: str) -> None:
        self.card: MatcherCard = library.matcher_card(name)
        self._library = library

    @property
    def _matcher(self) -> Matcher:
        return self._library.matcher(self.card.name)

    def prepare(self, pixels: Pixels) -> Pixels:
        """See ``Matcher``."""
        return self._matcher.prepare(pixels)

    def encode_images(self, prepared: Pixels) -> Features:
        """See ``Matcher``."""
        return self._matcher.encode_images(prepared)

    def score(self, text: str, features: Features) -> NDArray[np.float32]:
        """See ``Matcher``."""
        return self._matcher.score(text, features)

    def score_pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """See ``Matcher``."""
        return self._matcher.score_pairs(texts, features)


def _check_same_matcher(array: FeatureArray, card: MatcherCard) -> None:
    """Refuse features that another matcher made, or the same one with other weights or preprocessing."""
    if (array.identity, array.matrix.shape[1:]) != (card.identity, card.feature_shape):
        raise ModelError(
            f"the features are {array.matrix.shape[1:]} numbers made by {array.identity}, not {card.feature_shape} "
            f"by {card.identity}: index again with --matcher {card.name}"
        )
