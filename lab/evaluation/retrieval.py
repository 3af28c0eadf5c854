"""Image-sentence retrieval by the protocol of Hodosh et al. 2013."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from lab.metrics.bootstrap import bootstrap_intervals
from lab.metrics.ranking import RankSummary, best_ranks, score_ranks, summarise_ranks
from models.types import Vectors


def retrieval_ranks(
    images: Vectors, captions: Vectors, image_of_caption: Sequence[int] | NDArray[np.int64]
) -> tuple[RankSummary, RankSummary]:
    """Rank both ways: each caption finds its image; each image finds the best placed of its captions.

    Args:
        images: ``(N, D)`` unit vectors.
        captions: ``(M, D)`` unit vectors.
        image_of_caption: for each caption the row of its image.

    Returns:
        Text to image, and image to text.
    """
    to_image, to_text = _ranks(images, captions, image_of_caption)
    return summarise_ranks(to_image), summarise_ranks(to_text)


def score_retrieval_ranks(
    scores: NDArray[np.float32], image_of_caption: Sequence[int] | NDArray[np.int64]
) -> tuple[RankSummary, RankSummary]:
    """Rank both ways by ``(M, N)`` scores of captions with images."""
    to_image, to_text = _score_ranks(scores, image_of_caption)
    return summarise_ranks(to_image), summarise_ranks(to_text)


def evaluate_retrieval(encoded: EncodedSet, seed: int = 1) -> dict[str, dict[str, Any]]:
    """Rank both ways; each figure with the 95 % interval of a bootstrap over the images."""
    return _figures(_ranks(encoded.images, encoded.captions, encoded.image_of_caption), encoded.image_of_caption, seed)


def evaluate_score_retrieval(
    scores: NDArray[np.float32], image_of_caption: NDArray[np.int64], seed: int = 1
) -> dict[str, dict[str, Any]]:
    """Return the same figures by ``(M, N)`` scores of captions with images, such as a matcher's."""
    return _figures(_score_ranks(scores, image_of_caption), image_of_caption, seed)


def _figures(
    ranks: tuple[NDArray[np.int64], NDArray[np.int64]], image_of_caption: NDArray[np.int64], seed: int
) -> dict[str, dict[str, Any]]:
    to_image, to_text = ranks
    itself = np.arange(len(to_text))
    return {
        direction: {
            **summarise_ranks(found).as_dict(),
            "intervals": bootstrap_intervals(found, image_of_query, seed=seed),
        }
        for direction, found, image_of_query in (
            ("text_to_image", to_image, image_of_caption),
            ("image_to_text", to_text, itself),
        )
    }


def _ranks(
    images: Vectors, captions: Vectors, image_of_caption: Sequence[int] | NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    own = [[image] for image in image_of_caption]
    return best_ranks(captions, images, own), best_ranks(images, captions, _captions_of(len(images), image_of_caption))


def _score_ranks(
    scores: NDArray[np.float32], image_of_caption: Sequence[int] | NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    own = [[image] for image in image_of_caption]
    return score_ranks(scores, own), score_ranks(scores.T, _captions_of(scores.shape[1], image_of_caption))


def _captions_of(images: int, image_of_caption: Sequence[int] | NDArray[np.int64]) -> list[list[int]]:
    own: list[list[int]] = [[] for _ in range(images)]
    for caption, image in enumerate(image_of_caption):
        own[image].append(caption)
    return own
