"""Occlusion: how much of the score goes when a part of the picture is covered; for any model, and slow.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014. It asks nothing of the model but
its vectors, and so is what other methods are compared with.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.evidence import Evidence, EvidenceMap, ImageRole
from models.explain.breakdown import breakdown
from models.explain.source import ExplainerSource
from models.explain.words import word_saliency
from models.imaging.patches import mark_corner, picture_sides
from models.protocols import DualEncoder, Match
from models.types import Pixels

GRID = 8
"""Parts a side: a pass of the model for each."""


class Occlusion:
    """The ``Explainer`` that covers parts of the result with the picture's mean colour, one at a time.

    Args:
        encoder: whose scores are explained.
        blocks: of its vectors, see ``models.explain.blocks``.
    """

    looks_at = frozenset[ImageRole]({"result"})

    def __init__(self, encoder: DualEncoder, blocks: tuple[int, ...] = ()) -> None:
        self._encoder, self._blocks = encoder, blocks

    def explain(self, match: Match) -> Evidence:
        """See ``Explainer``."""
        image = match.images["result"]
        cuts_patches = self._encoder.card.preprocessing.fit == "patches"
        sides = picture_sides(image.pixels) if cuts_patches else image.pixels.shape[:2]
        vectors = self._encoder.encode_images(np.stack([image.pixels, *covered(image.pixels, sides)]))
        shares: NDArray[np.float32] = ((vectors[0] - vectors[1:]) @ match.query.parts.T).astype(np.float32)
        values = shares.sum(axis=1).reshape(GRID, GRID)
        maps = [EvidenceMap(values, image.region)]
        if len(match.query.terms) > 1:
            of_terms = shares.T.reshape(-1, GRID, GRID)
            named = zip(match.query.labels, of_terms, strict=True)
            maps += [EvidenceMap(of_term, image.region, term=label) for label, of_term in named]
        words = word_saliency(match, self._blocks)
        return Evidence(tuple(maps), max(0.0, float(values.max())), words, breakdown(match))


def covered(pixels: Pixels, sides: tuple[int, ...]) -> list[Pixels]:
    """Return ``(S, S, 3)`` with each part of the grid covered, row by row.

    Args:
        pixels: of a picture in the upper left corner.
        sides: its rows and columns, all of them or fewer.
    """
    mean = pixels[: sides[0], : sides[1]].reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    rows, columns = (np.linspace(0, side, GRID + 1).round().astype(int) for side in sides)
    pictures = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            picture = pixels.copy()
            picture[top:bottom, left:right] = mean
            if tuple(sides) != picture.shape[:2]:
                mark_corner(picture, sides[0], sides[1])
            pictures.append(picture)
    return pictures


def load_explainer(source: ExplainerSource) -> Occlusion:
    """Take the encoder, as one that leaves the processors to searches."""
    return Occlusion(source.models.encoder(source.model, in_caller=True), source.blocks)
