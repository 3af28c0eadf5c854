"""Images and captions together on one plane by t-SNE (van der Maaten and Hinton 2008)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from models.errors import InputError
from models.types import Vectors

MAX_IMAGES = 1000
"""More could not be distinguished on a screen, and their thumbnails would not fit a page."""

_PERPLEXITY = 30


@dataclass(frozen=True)
class EmbeddingMap:
    """Where the images and captions of a set lie on the plane.

    Attributes:
        image_rows: ``(n,)``, the rows of the set's images that are shown, ascending.
        caption_rows: ``(m,)``, the rows of all their captions, ascending.
        images: ``(n, 2)`` positions in 0..1, both axes to one scale; x to the right, y upwards.
        captions: ``(m, 2)`` positions.
    """

    image_rows: NDArray[np.int64]
    caption_rows: NDArray[np.int64]
    images: NDArray[np.float64]
    captions: NDArray[np.float64]


def map_embeddings(encoded: EncodedSet, seed: int = 0, max_images: int = MAX_IMAGES) -> EmbeddingMap:
    """Lay images and their captions out by t-SNE: cosine distance, exact neighbours, PCA to start from.

    Each side is taken from its own mean.

    Args:
        encoded: any dual encoder's vectors of a captioned set.
        seed: of the choice of images and of t-SNE; the same seed gives the same map.
        max_images: a larger set is represented by this many of its images, with all their captions.

    Raises:
        InputError: fewer than two images.
    """
    from openTSNE import TSNE

    if len(encoded.images) < 2:
        raise InputError(f"a map needs at least 2 images; {encoded.data.name} has {len(encoded.images)}")
    image_rows = np.arange(len(encoded.images))
    if len(image_rows) > max_images:
        image_rows = np.sort(np.random.default_rng(seed).choice(image_rows, max_images, replace=False))
    caption_rows = np.flatnonzero(np.isin(encoded.image_of_caption, image_rows))
    vectors = np.concatenate([_less_common(encoded.images[image_rows]), _less_common(encoded.captions[caption_rows])])
    tsne = TSNE(
        perplexity=min(_PERPLEXITY, (len(vectors) - 1) / 3), metric="cosine", neighbors="exact", random_state=seed
    )
    plane = _unit_square(np.asarray(tsne.fit(vectors)))
    return EmbeddingMap(image_rows, caption_rows, plane[: len(image_rows)], plane[len(image_rows) :])


def _less_common(vectors: Vectors) -> Vectors:
    """Take their mean from vectors: what all images have in common, and no caption has, would keep the two apart.

    The modality gap (Liang et al., "Mind the Gap", NeurIPS 2022).
    """
    centred: Vectors = vectors - vectors.mean(axis=0)
    return centred


def _unit_square(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = plane.min(axis=0), plane.max(axis=0)
    extent = max((high - low).max(), np.finfo(float).tiny)
    return np.asarray(0.5 + (plane - (low + high) / 2) / extent)
