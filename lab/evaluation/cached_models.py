"""Encoders and matchers with a ``ContentCache`` in front, which keeps their outputs from one command to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.content_cache import ContentCache, key_of
from models.cards import EncoderCard, MatcherCard
from models.protocols import DualEncoder, Matcher, ModelLibrary
from models.types import Features, Pixels, Vectors

Number = TypeVar("Number", bound=np.floating[Any])


class CachedModels:
    """The encoders and matchers of a library, each with the cache in front.

    Args:
        library: loads them.
        cache: keeps what they compute.
        device: that they run on.
    """

    def __init__(self, library: ModelLibrary, cache: ContentCache, device: str) -> None:
        self._library, self._cache, self._device = library, cache, device

    def encoder(self, name: str) -> CachedEncoder:
        """Load a dual encoder; raises as ``ModelLibrary``."""
        return CachedEncoder(self._library.encoder(name), self._cache, self._device)

    def matcher(self, name: str) -> CachedMatcher:
        """Load a matcher; raises as ``ModelLibrary``."""
        return CachedMatcher(self._library.matcher(name), self._cache, self._device)


class CachedEncoder:
    """A ``DualEncoder`` that encodes a photograph and a sentence once.

    Args:
        encoder: encodes what is not kept.
        cache: keeps the vectors.
        device: that the encoder runs on.
    """

    def __init__(self, encoder: DualEncoder, cache: ContentCache, device: str) -> None:
        self._encoder, self._cache = encoder, cache
        self._name = f"vectors by {tuple(encoder.card.identity)} on {device}"

    @property
    def card(self) -> EncoderCard:
        """The model's card."""
        return self._encoder.card

    def prepare(self, pixels: Pixels) -> Pixels:
        """See ``DualEncoder``."""
        return self._encoder.prepare(pixels)

    def encode_images(self, prepared: Pixels) -> Vectors:
        """See ``DualEncoder``."""
        if not len(prepared):
            return self._encoder.encode_images(prepared)
        return cached_images(self._cache, self._name, prepared, self._encoder.encode_images)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """See ``DualEncoder``."""
        if not len(texts):
            return self._encoder.encode_texts(texts)
        return self._cache.rows(
            f"text {self._name}",
            [key_of(text) for text in texts],
            lambda places: self._encoder.encode_texts([texts[place] for place in places]),
        )

    def words_read(self, text: str) -> int | None:
        """See ``DualEncoder``."""
        return self._encoder.words_read(text)


class CachedMatcher:
    """A ``Matcher`` that computes the features of a photograph once; scores are computed every time.

    Args:
        matcher: computes what is not kept.
        cache: keeps the features.
        device: that the matcher runs on.
    """

    def __init__(self, matcher: Matcher, cache: ContentCache, device: str) -> None:
        self._matcher, self._cache = matcher, cache
        self._name = f"features by {tuple(matcher.card.identity)} on {device}"

    @property
    def card(self) -> MatcherCard:
        """The matcher's card."""
        return self._matcher.card

    def prepare(self, pixels: Pixels) -> Pixels:
        """See ``Matcher``."""
        return self._matcher.prepare(pixels)

    def encode_images(self, prepared: Pixels) -> Features:
        """See ``Matcher``."""
        if not len(prepared):
            return self._matcher.encode_images(prepared)
        return cached_images(self._cache, self._name, prepared, self._matcher.encode_images)

    def score(self, text: str, features: Features) -> NDArray[np.float32]:
        """See ``Matcher``."""
        return self._matcher.score(text, features)

    def score_pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """See ``Matcher``."""
        return self._matcher.score_pairs(texts, features)


def cached_images(
    cache: ContentCache, name: str, prepared: Pixels, compute: Callable[[Pixels], NDArray[Number]]
) -> NDArray[Number]:
    """Return what ``compute`` makes of ``(N, S, S, 3)`` photographs, N at least 1, each computed once.

    Args:
        cache: keeps it.
        name: of what is computed, by which weights and where.
        prepared: the photographs.
        compute: ``(M, S, S, 3)`` to ``(M, ...)``.
    """
    return cache.rows(f"image {name}", [key_of(image) for image in prepared], lambda places: compute(prepared[places]))
