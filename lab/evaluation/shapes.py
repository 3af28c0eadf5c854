"""Robustness to the shape of a picture: retrieval with every image brought to other aspect ratios."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

from lab.data.captioned import CaptionedImages
from lab.data.pixels import Progress
from lab.evaluation.encoded import encode_files
from lab.evaluation.reshape import crop_middle, stretch
from lab.evaluation.retrieval import retrieval_ranks
from models.protocols import DualEncoder
from models.types import Pixels

SHAPES = {"4:3": 4 / 3, "3:4": 3 / 4, "16:9": 16 / 9}
WAYS = {"stretched": stretch, "cropped": crop_middle}
PASSES = 1 + len(WAYS) * len(SHAPES)
"""How often the images are encoded."""

Figures = dict[str, dict[str, float]]


def evaluate_shapes(encoder: DualEncoder, data: CaptionedImages, on_progress: Progress | None = None) -> dict[str, Any]:
    """Rank both ways with square images, and with the same images in each shape, stretched and cropped.

    A square is what training saw (an image of another shape is stretched to one first). Stretching changes only the
    proportions of what is seen; cropping keeps them and loses what lies outside.

    Returns:
        Figures of the squares and of each way and shape, and for each way the largest loss of R@10 over shapes and
        directions, in fractions of 1; negative where every shape does better.
    """
    captions, image_of_caption = data.flat_captions()
    texts = encoder.encode_texts(captions)

    def measure(before: int, reshape: Callable[[Pixels], Pixels]) -> Figures:
        def report(done: int, total: int) -> None:
            if on_progress:
                on_progress(before * total + done, PASSES * total)

        images = encode_files(encoder, data.files, report, lambda pixels: reshape(stretch(pixels, 1)))
        to_image, to_text = retrieval_ranks(images, texts, image_of_caption)
        return {"text_to_image": to_image.as_dict(), "image_to_text": to_text.as_dict()}

    square = measure(0, lambda pixels: pixels)
    shaped: dict[str, dict[str, Figures]] = {way: {} for way in WAYS}
    for before, (way, shape) in enumerate(product(WAYS, SHAPES), start=1):
        shaped[way][shape] = measure(before, partial(WAYS[way], ratio=SHAPES[shape]))
    losses = {way: max(_loss(square, figures) for figures in shaped[way].values()) for way in WAYS}
    return {"square": square, **shaped, "largest_loss_r@10": losses}


def _loss(square: Figures, shaped: Figures) -> float:
    """Return how much R@10 falls below the squares', in the direction that loses more."""
    return max(square[direction]["r@10"] - shaped[direction]["r@10"] for direction in square)
