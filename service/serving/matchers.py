"""The matchers in service, each loaded with the first collection that holds its features."""

from __future__ import annotations

import numpy as np
import structlog

from indexer.store.arrays import FeatureArray
from indexer.store.generation import Generation
from models.errors import ModelError
from models.load_once import LoadOnce
from models.protocols import Matcher, ModelLibrary

log = structlog.get_logger()


class Matchers:
    """Loads each matcher once and warms it up."""

    def __init__(self, library: ModelLibrary) -> None:
        self._library = library
        self._warm: LoadOnce[str, Matcher] = LoadOnce()

    def fitting(self, generation: Generation, model: str) -> dict[str, Matcher]:
        """Return, by name, the matchers that re-rank a model's results and whose features the generation holds.

        A matcher that cannot be loaded, or whose features were made with other weights, is left out, and the log says
        why: the collection can be searched without it.
        """
        found = {}
        for name, array in generation.feature_arrays.items():
            try:
                matcher = self._get(name)
                _check_same_matcher(array, matcher)
            except ModelError as error:
                log.warning("matcher left out", matcher=name, reason=str(error))
                continue
            if matcher.card.encoder == model:
                found[name] = matcher
        return found

    def _get(self, name: str) -> Matcher:
        return self._warm.get(name, lambda: self._load(name))

    def _load(self, name: str) -> Matcher:
        matcher = self._library.matcher(name)
        matcher.score("warm-up", np.zeros((1, *matcher.card.feature_shape), dtype=np.float16))
        return matcher


def _check_same_matcher(array: FeatureArray, matcher: Matcher) -> None:
    """Refuse features that another matcher made, or the same one with other weights or preprocessing."""
    card = matcher.card
    if (array.identity, array.matrix.shape[1:]) != (card.identity, card.feature_shape):
        raise ModelError(
            f"the features are {array.matrix.shape[1:]} numbers made by {array.identity}, not {card.feature_shape} "
            f"by {card.identity}: index again with --matcher {card.name}"
        )
