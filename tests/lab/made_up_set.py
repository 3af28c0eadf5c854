"""A small set with random vectors and captions: enough for slow oracles to measure it again."""

from pathlib import Path

import numpy as np

from lab.data.captioned import CaptionedImages
from lab.evaluation.encoded import EncodedSet
from models.types import Vectors

WORDS = ("dog", "beach", "girl", "red", "jump")


def unit(vectors: np.ndarray) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def made_up_set(images: int, seed: int = 0) -> EncodedSet:
    """Every image has two captions of one to three of the words, and vectors in 6 dimensions."""
    random = np.random.default_rng(seed)
    captions = tuple(
        tuple(" ".join(random.choice(WORDS, random.integers(1, 4), replace=False)) for _ in range(2))
        for _ in range(images)
    )
    data = CaptionedImages("made up", tuple(Path(f"{i}.jpg") for i in range(images)), captions)
    vectors = [unit(random.normal(size=(count, 6))) for count in (images, 2 * images)]
    return EncodedSet("toy", data, *vectors, np.arange(images).repeat(2))
