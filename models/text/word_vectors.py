"""The 300-dimensional word vectors that ship, shared by the models that were trained from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.text.shipped_vocabulary import load_word_matrix
from models.text.vocabulary import Vocabulary

DIMENSION = 300


@dataclass(frozen=True)
class WordVectors:
    """A vocabulary and a vector for each of its numbers, ``(V, 300)``; those of reserved numbers are zero."""

    vocabulary: Vocabulary
    matrix: Tensor


def load_word_vectors(expected_sha256: str | None = None) -> WordVectors:
    """Load the shared word vectors.

    Raises:
        UnknownModelError: they do not ship.
        CheckpointError: missing, damaged, or others than expected.
    """
    vocabulary, matrix = load_word_matrix(expected_sha256)
    return WordVectors(vocabulary, torch.from_numpy(matrix))
