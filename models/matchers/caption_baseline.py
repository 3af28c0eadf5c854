r"""``caption-baseline``: how alike a query and a generated caption of the photograph are, by the means of their words.

.. math:: m(\text{sentence}, x) = \cos\Big( \frac{1}{n} \sum_i w_i, \; \frac{1}{l} \sum_j c_j \Big)

over the 300-dimensional vectors of the sentence's and the caption's words (the baseline, section 2.1, of an untitled
report without author on LSTM image-sentence similarity, ``docs/systems.md``, 000). The caption is written when the
image is indexed, and only its mean is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.matchers.frozen_pass import FrozenMatcher
from models.matchers.source import MatcherSource, VectorHead
from models.text.mean_vector import mean_vector
from models.text.shipped_vocabulary import WORD_VECTORS, load_word_matrix
from models.text.vocabulary import Vocabulary, split_words
from models.types import Features

_TINY = 1e-9


class CosineOfMeans:
    """Scores one sentence with M means of captions."""

    def __init__(self, vocabulary: Vocabulary, matrix: NDArray[np.float32]) -> None:
        self._vocabulary, self._matrix = vocabulary, matrix

    def __call__(self, text: str, features: Features) -> NDArray[np.float32]:
        """Return the cosines ``(M,)`` with ``(M, 300)``; 0 where a side has no known word."""
        query = mean_vector(self._matrix, [self._vocabulary.number(word) for word in split_words(text)])
        captions = features.astype(np.float32)
        lengths = np.linalg.norm(captions, axis=1) * np.linalg.norm(query)
        cosines: NDArray[np.float32] = captions @ query / np.maximum(lengths, _TINY)
        return cosines

    def pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Return the cosines ``(S, K)`` with ``(S, K, 300)``; there is nothing to gain by taking them together."""
        return np.stack([self(text, own) for text, own in zip(texts, features, strict=True)])


def load_vector_head(source: MatcherSource) -> VectorHead:
    """Load the captioner.

    Raises:
        CheckpointError: it has other weights than the one that the card was made with.
    """
    from models.matchers.caption_means import load_caption_means

    return load_caption_means(source.card, source.folder)


def load_matcher(source: MatcherSource) -> FrozenMatcher:
    """Load the word vectors, and the captioner where images are encoded."""
    score = CosineOfMeans(*load_word_matrix(source.card.parts[WORD_VECTORS]))
    return FrozenMatcher(source.card, _WhenNeeded(source), score, source.compiler)


class _WhenNeeded:
    """Loads the captioner when an image comes: a service never needs it."""

    def __init__(self, source: MatcherSource) -> None:
        self._source = source

    @cached_property
    def _head(self) -> VectorHead:
        return load_vector_head(self._source)

    def __call__(self, vectors: NDArray[np.float32]) -> Features:
        return self._head(vectors)
