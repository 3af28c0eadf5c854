"""Image-sentence retrieval by the protocol of Hodosh et al. 2013."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from models.data.captioned import CaptionedImages
from models.imaging.decode import decode_image
from models.metrics.ranking import RankSummary, best_ranks, summarise_ranks
from models.types import DualEncoder, Pixels, Vectors

_BATCH = 32


def retrieval_ranks(
    images: Vectors, captions: Vectors, image_of_caption: Sequence[int]
) -> tuple[RankSummary, RankSummary]:
    """Rank both ways: each caption finds its image; each image finds the best placed of its captions.

    Args:
        images: ``(N, D)`` unit vectors.
        captions: ``(M, D)`` unit vectors.
        image_of_caption: for each caption the row of its image.

    Returns:
        Text to image, and image to text.
    """
    own: list[list[int]] = [[] for _ in range(len(images))]
    for caption, image in enumerate(image_of_caption):
        own[image].append(caption)
    to_image = best_ranks(captions, images, [[image] for image in image_of_caption])
    to_text = best_ranks(images, captions, own)
    return summarise_ranks(to_image), summarise_ranks(to_text)


def evaluate_retrieval(
    encoder: DualEncoder, data: CaptionedImages, on_progress: Callable[[int, int], None] | None = None
) -> dict[str, dict[str, float]]:
    """Encode a captioned set with the runtime that serves, and rank both ways."""
    captions, image_of_caption = data.flat_captions()
    images = encode_files(encoder, data.files, on_progress)
    to_image, to_text = retrieval_ranks(images, encoder.encode_texts(captions), image_of_caption)
    return {"text_to_image": to_image.as_dict(), "image_to_text": to_text.as_dict()}


def encode_files(
    encoder: DualEncoder, files: Sequence[Path], on_progress: Callable[[int, int], None] | None = None
) -> Vectors:
    """Decode and encode image files, ``(N, D)``."""

    def read(file: Path) -> Pixels:
        return encoder.prepare(decode_image(file, shrink_to=encoder.card.preprocessing.size).pixels)

    parts: list[Vectors] = []
    with ThreadPoolExecutor(2) as pool:
        prepared = pool.map(read, files)
        while batch := list(islice(prepared, _BATCH)):
            parts.append(encoder.encode_images(np.stack(batch)))
            if on_progress:
                on_progress(min(len(parts) * _BATCH, len(files)), len(files))
    return np.concatenate(parts) if parts else np.empty((0, encoder.card.dimension), np.float32)
