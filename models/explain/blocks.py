"""Vectors of several blocks, whose share in a query depends on more than what it means.

``semblance-base`` counts a query's word pieces to tell a bare name from a sentence, and gives the blocks of class
names, phrases and hubness their shares by that. Left out, any word would move those shares, even one that means
nothing: what the word adds is asked with the shares held fixed. By the same count it is chosen which head makes the
first block, and how a text is read: that is held by ``LeftTextEncoder``.
"""

from __future__ import annotations

import numpy as np

from models.types import Vectors

BLOCKS = {"two_tower": (512, 125, 128, 3)}
"""Dimensions of the blocks, by the architecture of the encoder."""


def meaning(blocks: tuple[int, ...]) -> int | None:
    """Return how many dimensions, from the first on, say what is meant; None for all: the last block is hubness."""
    return sum(blocks[:-1]) or None


def held(vectors: Vectors, like: Vectors, blocks: tuple[int, ...]) -> Vectors:
    """Give the blocks of ``(N, D)`` vectors the lengths that those of one ``(D,)`` have; without blocks, as they are.

    A block of length 0 has no direction and stays.
    """
    if not blocks or not len(vectors):
        return vectors
    fixed, start = vectors.copy(), 0
    for size in blocks:
        part = slice(start, start + size)
        lengths = np.linalg.norm(fixed[:, part], axis=1, keepdims=True)
        fixed[:, part] *= np.linalg.norm(like[part]) / np.where(lengths > 0, lengths, 1)
        start += size
    return fixed
