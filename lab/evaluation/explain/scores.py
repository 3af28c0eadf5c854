"""The scores that a method explains: by what they are measured that it says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.explain.pairs import Pairs
from models.protocols import Matcher
from models.types import Features, Pixels, Vectors


class Scores(Protocol):
    """Scores sentences with pictures.

    Attributes:
        own: ``(N,)``, which of the pictures that ``searched`` scores is that of each pair.
    """

    own: NDArray[np.int64]

    def pictures(self, text: str, pixels: Pixels) -> NDArray[np.float32]:
        """Score one sentence with ``(M, S, S, 3)`` prepared pictures, ``(M,)``."""
        ...

    def searched(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Score T sentences with all pictures that are searched, ``(T, M)``."""
        ...


class EncoderScores:
    """Those of the encoder of pairs.

    Args:
        pairs: N of them.
        images: ``(M, D)`` vectors of the whole set that is searched.
    """

    def __init__(self, pairs: Pairs, images: Vectors) -> None:
        self._encoder, self._images, self.own = pairs.encoder, images, pairs.rows

    def pictures(self, text: str, pixels: Pixels) -> NDArray[np.float32]:
        """See ``Scores``."""
        scores: NDArray[np.float32] = self._encoder.encode_images(pixels) @ self._encoder.encode_texts([text])[0]
        return scores

    def searched(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See ``Scores``."""
        scores: NDArray[np.float32] = self._encoder.encode_texts(texts) @ self._images.T
        return scores


class MatcherScores:
    """Those of a matcher; searched are the pictures of the pairs.

    Args:
        matcher: whose input is the encoder's.
        pairs: N of them.
    """

    def __init__(self, matcher: Matcher, pairs: Pairs) -> None:
        self._matcher, self._pairs, self.own = matcher, pairs, np.arange(len(pairs))

    @cached_property
    def _features(self) -> Features:
        return self._matcher.encode_images(self._pairs.pixels)

    def pictures(self, text: str, pixels: Pixels) -> NDArray[np.float32]:
        """See ``Scores``."""
        return self._matcher.score(text, self._matcher.encode_images(pixels))

    def searched(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See ``Scores``."""
        return np.stack([self._matcher.score(text, self._features) for text in texts])
