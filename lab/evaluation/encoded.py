"""A captioned set encoded once by the runtime that serves; every measure starts from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lab.data.captioned import CaptionedImages
from lab.data.pixels import Progress, prepared_batches
from models.protocols import DualEncoder
from models.types import Pixels, Vectors

Number = TypeVar("Number", bound=np.floating[Any])


@dataclass(frozen=True)
class EncodedSet:
    """A captioned set and its vectors.

    Attributes:
        model: name of the encoder.
        data: the images and captions.
        images: ``(N, D)`` unit vectors.
        captions: ``(M, D)`` unit vectors of ``data.flat_captions()``.
        image_of_caption: ``(M,)``, for each caption the row of its image.
    """

    model: str
    data: CaptionedImages
    images: Vectors
    captions: Vectors
    image_of_caption: NDArray[np.int64]

    @property
    def image_count(self) -> int:
        """N."""
        return len(self.images)

    def pair_scores(self, captions: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Score S captions with K images each, ``(S,)`` and ``(S, K)`` to ``(S, K)``."""
        scores = [(self.captions[captions] * self.images[column]).sum(axis=1) for column in images.T]
        return np.stack(scores, axis=1)

    @cached_property
    def captions_of_image(self) -> list[NDArray[np.int64]]:
        """For each image the rows of its captions."""
        return [np.flatnonzero(self.image_of_caption == image) for image in range(len(self.images))]


def encode_captioned(
    encoder: DualEncoder, data: CaptionedImages, on_progress: Progress | None = None, *, texts: bool = True
) -> EncodedSet:
    """Encode every image and, unless ``texts`` is off, every caption."""
    captions, image_of_caption = data.flat_captions() if texts else ([], [])
    images = encode_files(encoder, data.files, on_progress)
    return EncodedSet(
        encoder.card.name, data, images, encoder.encode_texts(captions), np.array(image_of_caption, np.int64)
    )


def encode_files(
    encoder: DualEncoder,
    files: Sequence[Path],
    on_progress: Progress | None = None,
    reshape: Callable[[Pixels], Pixels] = lambda pixels: pixels,
) -> Vectors:
    """Decode and encode image files, each reshaped first, ``(N, D)``."""
    if not files:
        return np.empty((0, encoder.card.dimension), np.float32)
    size = encoder.card.preprocessing.size
    return extract_features(
        files, size, lambda pixels: encoder.prepare(reshape(pixels)), encoder.encode_images, on_progress
    )


def extract_features(
    files: Sequence[Path],
    size: int,
    prepare: Callable[[Pixels], Pixels],
    extract: Callable[[Pixels], NDArray[Number]],
    on_progress: Progress | None = None,
) -> NDArray[Number]:
    """Decode image files (at least one), prepare each in the decoding threads and extract features by batches.

    Args:
        files: the images.
        size: S, of the prepared square in pixels.
        prepare: ``(H, W, 3)`` to ``(S, S, 3)``.
        extract: ``(B, S, S, 3)`` to ``(B, …)``.
        on_progress: called with images done and total.
    """
    return np.concatenate([extract(batch) for batch in prepared_batches(files, size, prepare, on_progress)])
