"""Pairwise accuracy: of two images, does the caption score higher with its own?"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.errors import InputError
from models.evaluation.encoded import EncodedSet


def evaluate_pairwise(encoded: EncodedSet, samples: int = 6400, seed: int = 1) -> dict[str, Any]:
    """Draw captions, each with its own image and another one, and count how often its own scores higher.

    A tie is wrong. The interval is Wilson's for a proportion, 95 % ("Probable Inference, the Law of Succession, and
    Statistical Inference", JASA 22, 1927).

    Raises:
        InputError: fewer than two images.
    """
    from scipy.stats import binomtest

    count = len(encoded.images)
    if count < 2:
        raise InputError(f"pairwise accuracy needs at least two images; the set has {count}")
    random = np.random.default_rng(seed)
    caption = random.integers(len(encoded.captions), size=samples)
    own = encoded.image_of_caption[caption]
    other = (own + random.integers(1, count, size=samples)) % count
    own_score, other_score = ((encoded.captions[caption] * encoded.images[image]).sum(axis=1) for image in (own, other))
    correct = int((own_score > other_score).sum())
    interval = binomtest(correct, samples).proportion_ci(confidence_level=0.95, method="wilson")
    return {"accuracy": correct / samples, "interval": [float(interval.low), float(interval.high)], "samples": samples}
