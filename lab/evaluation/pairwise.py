"""Pairwise accuracy: of two images, does the caption score higher with its own?"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError


class PairScores(Protocol):
    """A captioned set whose captions can be scored with its images, such as ``EncodedSet`` and ``MatchedSet``."""

    @property
    def image_count(self) -> int:
        """N."""
        ...

    @property
    def image_of_caption(self) -> NDArray[np.int64]:
        """For each caption the row of its image, ``(M,)``."""
        ...

    def pair_scores(self, captions: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Score S captions with K images each, ``(S,)`` and ``(S, K)`` to ``(S, K)``."""
        ...


def evaluate_pairwise(scored: PairScores, samples: int = 6400, seed: int = 1) -> dict[str, Any]:
    """Draw captions, each with its own image and another one, and count how often its own scores higher.

    A tie is wrong. The interval is Wilson's for a proportion, 95 % ("Probable Inference, the Law of Succession, and
    Statistical Inference", JASA 22, 1927).

    Raises:
        InputError: fewer than two images.
    """
    from scipy.stats import binomtest

    count = scored.image_count
    if count < 2:
        raise InputError(f"pairwise accuracy needs at least two images; the set has {count}")
    random = np.random.default_rng(seed)
    caption = random.integers(len(scored.image_of_caption), size=samples)
    own = scored.image_of_caption[caption]
    other = (own + random.integers(1, count, size=samples)) % count
    scores = scored.pair_scores(caption, np.stack([own, other], axis=1))
    correct = int((scores[:, 0] > scores[:, 1]).sum())
    interval = binomtest(correct, samples).proportion_ci(confidence_level=0.95, method="wilson")
    return {"accuracy": correct / samples, "interval": [float(interval.low), float(interval.high)], "samples": samples}
