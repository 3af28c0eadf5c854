"""Frozen features of captioned photographs in memory, drawn as batches of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab.data.captioned import CaptionedImages


@dataclass(frozen=True)
class Batch:
    """B different images of one set, each in a random view.

    Attributes:
        images: ``(B,)``, which ones.
        rows: ``(B, R)`` float16 features.
        captions: ``(C, B)``, for each image C of its captions; different ones where it has so many.
        seed: of what else is drawn for the batch.
    """

    images: NDArray[np.int64]
    rows: Tensor
    captions: NDArray[np.int64]
    seed: int


class CaptionedRows:
    """Several captioned sets behind one another.

    Attributes:
        texts: all captions, in the images' order.
        image_of_caption: for each of them its image.

    Args:
        views: for each view the features ``(N, R)`` float16 of all N images.
        parts: the sets.
        apart: draw each batch of one set, for the other set's photographs are easy negatives; or of all together.
    """

    def __init__(
        self, views: Sequence[NDArray[np.float16]], parts: Sequence[CaptionedImages], apart: bool = True
    ) -> None:
        self.views = list(views)
        self.texts = [text for part in parts for text in part.flat_captions()[0]]
        counts = [len(captions) for part in parts for captions in part.captions]
        self.image_of_caption = np.repeat(np.arange(len(counts)), counts).tolist()
        ends = np.cumsum(counts)
        self._captions_of_image = [np.arange(end - count, end) for end, count in zip(ends, counts, strict=True)]
        bounds = np.cumsum([0, *map(len, parts)]) if apart else [0, len(counts)]
        self._sets = [np.arange(start, end) for start, end in pairwise(bounds)]

    def __len__(self) -> int:
        return len(self._captions_of_image)

    def steps(self, size: int) -> int:
        """Return the number of whole batches in a pass."""
        return sum(len(images) // size for images in self._sets)

    def batches(self, size: int, captions: int, seed: int) -> Iterator[Batch]:
        """Shuffle and draw every image once."""
        random = np.random.default_rng(seed)
        groups = []
        for images in self._sets:
            order = random.permutation(images)
            groups += [order[start : start + size] for start in range(0, len(order) - size + 1, size)]
        for index in random.permutation(len(groups)):
            images = np.sort(groups[index])  # in order: nearer each other in memory
            own = [random.permutation(self._captions_of_image[image]) for image in images]
            chosen = np.array([[which[turn % len(which)] for which in own] for turn in range(captions)])
            yield Batch(images, self._draw_views(images, random), chosen, int(random.integers(2**31)))

    def texts_of(self, batch: Batch) -> list[str]:
        """Return the captions of a batch, the first of each image before the second ones."""
        return [self.texts[caption] for turn in batch.captions for caption in turn]

    def _draw_views(self, images: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        rows = np.empty((len(images), self.views[0].shape[1]), np.float16)
        drawn = random.integers(len(self.views), size=len(images))
        for view, features in enumerate(self.views):
            rows[drawn == view] = features[images[drawn == view]]
        return torch.from_numpy(rows)
