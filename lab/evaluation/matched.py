"""A captioned set as a matcher sees it: the features of its images, and the score of any caption with any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lab.data.captioned import CaptionedImages
from lab.data.pixels import Progress
from lab.evaluation.encoded import extract_features
from models.protocols import Matcher
from models.types import Features

_PAIRED_AT_ONCE = 128
"""Sentences that are scored in one pass, each with images of its own."""


@dataclass(frozen=True)
class MatchedSet:
    """A captioned set and what a matcher keeps of its images.

    Attributes:
        matcher: scores.
        data: the images and captions.
        features: of every image, ``(N, *feature_shape)``.
    """

    matcher: Matcher
    data: CaptionedImages
    features: Features

    @property
    def image_count(self) -> int:
        """N."""
        return len(self.features)

    @cached_property
    def image_of_caption(self) -> NDArray[np.int64]:
        """For each caption the row of its image, ``(M,)``."""
        return np.array(self.data.flat_captions()[1])

    def scores(self, on_progress: Progress | None = None) -> NDArray[np.float32]:
        """Score every caption with every image, ``(M, N)``."""
        texts = self.data.flat_captions()[0]
        scores = np.empty((len(texts), len(self.features)), np.float32)
        for row, text in enumerate(texts):
            scores[row] = self.matcher.score(text, self.features)
            if on_progress:
                on_progress(row + 1, len(texts))
        return scores

    def pair_scores(self, captions: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Score S captions with K images each, ``(S,)`` and ``(S, K)`` to ``(S, K)``."""
        texts = self.data.flat_captions()[0]
        return score_pairs(self.matcher, [texts[caption] for caption in captions], self.features, images)


def match_captioned(matcher: Matcher, data: CaptionedImages, on_progress: Progress | None = None) -> MatchedSet:
    """Compute the features of every image."""
    size = matcher.card.preprocessing.size
    return MatchedSet(
        matcher, data, extract_features(data.files, size, matcher.prepare, matcher.encode_images, on_progress)
    )


def score_pairs(
    matcher: Matcher, texts: Sequence[str], features: Features, images: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Score S sentences with K images each, ``(S, K)``.

    Args:
        matcher: scores.
        texts: S of them.
        features: of all images, ``(N, *feature_shape)``.
        images: for each sentence the rows of its images, ``(S, K)``.
    """
    scores = np.empty(images.shape, np.float32)
    order = np.argsort([len(text) for text in texts], kind="stable")  # little padding
    for start in range(0, len(order), _PAIRED_AT_ONCE):
        some = order[start : start + _PAIRED_AT_ONCE]
        scores[some] = matcher.score_pairs([texts[row] for row in some], features[images[some]])
    return scores
