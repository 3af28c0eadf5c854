"""A dual encoder made of two compiled towers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.imaging.transforms import fit_square
from models.runtime.base import Runner
from models.types import ModelCard, Pixels, Vectors

_IMAGE_BATCH = 32
_TEXT_BATCH = 64


class CompiledDualEncoder:
    """Runs two towers that a runtime compiled; the ``DualEncoder`` of every family here.

    Args:
        card: of the model.
        image_tower: ``(N, S, S, 3)`` uint8 to ``(N, D)``.
        text_tower: the tokeniser's arrays to ``(N, D)``.
        tokenise: sentences to arrays whose first axis is the batch.
    """

    def __init__(
        self,
        card: ModelCard,
        image_tower: Runner,
        text_tower: Runner,
        tokenise: Callable[[Sequence[str]], tuple[NDArray[Any], ...]],
    ) -> None:
        self.card = card
        self._image_tower, self._text_tower, self._tokenise = image_tower, text_tower, tokenise

    def prepare(self, pixels: Pixels) -> Pixels:
        """Scale ``(H, W, 3)`` pixels to the model's square."""
        return fit_square(pixels, self.card.preprocessing)

    def encode_images(self, prepared: Pixels) -> Vectors:
        """Embed ``(N, S, S, 3)`` uint8 as ``(N, D)`` unit vectors."""
        vectors = np.empty((len(prepared), self.card.dimension), np.float32)
        for start in range(0, len(prepared), _IMAGE_BATCH):
            vectors[start : start + _IMAGE_BATCH] = self._image_tower(prepared[start : start + _IMAGE_BATCH])
        return _unit(vectors)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed N sentences as ``(N, D)`` unit vectors."""
        vectors = np.empty((len(texts), self.card.dimension), np.float32)
        order = np.argsort([len(text) for text in texts], kind="stable")  # like lengths together: little padding
        for start in range(0, len(texts), _TEXT_BATCH):
            rows = order[start : start + _TEXT_BATCH]
            vectors[rows] = self._text_tower(*self._tokenise([texts[row] for row in rows]))
        return _unit(vectors)


def _unit(vectors: Vectors) -> Vectors:
    """Normalise again: low-precision runtimes leave norms a hair off 1, and scores are inner products."""
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors
