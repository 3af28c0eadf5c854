"""Relevance by Fisher vectors of the captions' word vectors (Gordo & Larlus, CVPR 2017, section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.fisher_vectors import fisher_vector, fit_mixture
from models.text.vocabulary import RESERVED
from models.text.word_vectors import WordVectors

_COMPONENTS = 32
_WORDS_FITTED = 20_000


class FisherRelevance:
    """Inner product of the Fisher vectors of all words of an image's captions; below zero counts as nothing.

    The mixture is fitted to the words of the evaluated set itself, as the idf of ``TfidfRelevance`` is.

    Args:
        captions: for each of the N images.
        vectors: of words; those without one are passed over.
        components: K, Gaussians of the mixture.
    """

    name = "word2vec + Fisher vectors"

    def __init__(self, captions: Sequence[Sequence[str]], vectors: WordVectors, components: int = _COMPONENTS) -> None:
        matrix, numbers = vectors.matrix.numpy(), [self._known(each, vectors) for each in captions]
        every = np.random.default_rng(0).permutation(np.concatenate(numbers))
        mixture = fit_mixture(matrix[every[:_WORDS_FITTED]], components, seed=0)
        self._vectors = np.stack([fisher_vector(matrix[own], mixture) for own in numbers]).astype(np.float32)

    def __call__(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the relevance of every image to each of Q images, ``(Q, N)``."""
        return np.asarray((self._vectors[images] @ self._vectors.T).clip(0, 1))

    @staticmethod
    def _known(captions: Sequence[str], vectors: WordVectors) -> NDArray[np.int64]:
        numbers, _ = vectors.vocabulary.encode([" ".join(captions)], max_words=10_000)
        return numbers[numbers >= RESERVED]
