"""Image-sentence retrieval by the protocol of Hodosh et al. 2013."""

from __future__ import annotations

from collections.abc import Sequence

from models.evaluation.encoded import EncodedSet
from models.metrics.ranking import RankSummary, best_ranks, summarise_ranks
from models.types import Vectors


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


def evaluate_retrieval(encoded: EncodedSet) -> dict[str, dict[str, float]]:
    """Rank both ways."""
    to_image, to_text = retrieval_ranks(encoded.images, encoded.captions, encoded.image_of_caption.tolist())
    return {"text_to_image": to_image.as_dict(), "image_to_text": to_text.as_dict()}
