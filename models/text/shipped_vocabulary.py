"""The vocabulary of the word vectors that ship, and their matrix as an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.checkpoint import load_part_arrays
from models.text.packed_words import unpack_words
from models.text.vocabulary import RESERVED, Vocabulary

WORD_VECTORS = "word-vectors"
"""Name of the shared part."""


def load_vocabulary(expected_sha256: str | None = None) -> Vocabulary:
    """Load the vocabulary alone; raises as ``load_word_matrix``."""
    return load_word_matrix(expected_sha256)[0]


def load_word_matrix(expected_sha256: str | None = None) -> tuple[Vocabulary, NDArray[np.float32]]:
    """Load the vocabulary and a vector for each of its numbers, ``(V, 300)``; those of reserved numbers are zero.

    Raises:
        UnknownModelError: they do not ship.
        CheckpointError: missing, damaged, or others than expected.
    """
    stored = load_part_arrays(WORD_VECTORS, expected_sha256)
    vectors = stored["vectors"]
    matrix = np.concatenate([np.zeros((RESERVED, vectors.shape[1]), np.float32), vectors])
    return Vocabulary(unpack_words(stored["words"])), matrix
