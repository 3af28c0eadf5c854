"""The 300-dimensional word vectors that ship, shared by the models that were trained from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.checkpoint import load_part
from models.text.vocabulary import RESERVED, Vocabulary

WORD_VECTORS = "word-vectors"
DIMENSION = 300


@dataclass(frozen=True)
class WordVectors:
    """A vocabulary and a vector for each of its numbers, ``(V, 300)``; those of reserved numbers are zero."""

    vocabulary: Vocabulary
    matrix: Tensor


def pack_words(words: list[str]) -> Tensor:
    """Return words as one tensor, so that the hash of the weights covers them: UTF-8, a line a word, uint8."""
    return torch.tensor(list("\n".join(words).encode()), dtype=torch.uint8)


def unpack_words(packed: Tensor) -> list[str]:
    """Return the words of ``pack_words``."""
    return bytes(packed.tolist()).decode().split("\n")


def load_word_vectors(expected_sha256: str | None = None) -> WordVectors:
    """Load the shared word vectors.

    Raises:
        UnknownModelError: they do not ship.
        CheckpointError: missing, damaged, or others than expected.
    """
    stored = load_part(WORD_VECTORS, expected_sha256)
    matrix = torch.cat([torch.zeros(RESERVED, DIMENSION), stored["vectors"]])
    return WordVectors(Vocabulary(unpack_words(stored["words"])), matrix)
