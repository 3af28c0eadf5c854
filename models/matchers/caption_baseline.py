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
import torch
from numpy.typing import NDArray

from models.captioning.decoding import BeamSearch
from models.captioning.show_and_tell import ShowAndTell, load_network
from models.checkpoint import read_weights
from models.errors import CheckpointError
from models.inference.one_thread import one_thread
from models.matchers.frozen_pass import FrozenMatcher
from models.matchers.source import MatcherSource, VectorHead
from models.names import DEFAULT_CAPTIONER
from models.shipped import captioner_card, weights_folder
from models.text.vocabulary import RESERVED, split_words
from models.text.word_vectors import WORD_VECTORS, WordVectors, load_word_vectors, unpack_words
from models.types import Features

CAPTIONER = DEFAULT_CAPTIONER
_TINY = 1e-9


class CaptionMeans:
    """Writes a caption for each image and takes the mean of its words.

    Args:
        captioner: that writes, of the frozen backbone's vectors.
        words: of whose vectors the mean is taken.
        decoder: generates the captions.
    """

    def __init__(self, captioner: ShowAndTell, words: WordVectors, decoder: BeamSearch) -> None:
        self._captioner, self._words, self._decoder = captioner, words, decoder

    @torch.inference_mode()
    def __call__(self, vectors: NDArray[np.float32]) -> Features:
        """Map ``(N, C)`` to ``(N, 300)`` float16."""
        with one_thread():
            states = self._captioner.begin(self._captioner.image(torch.from_numpy(vectors)))
            sentences = self._decoder.decode(self._captioner.step, states)
        means = [mean_vector(self._words, list(sentence.numbers)) for sentence in sentences]
        return np.stack(means).astype(np.float16)


class CosineOfMeans:
    """Scores sentences with means of captions."""

    def __init__(self, words: WordVectors) -> None:
        self._words = words

    def __call__(self, text: str, features: Features) -> NDArray[np.float32]:
        """Return the cosines ``(M,)`` with ``(M, 300)``; 0 where a side has no known word."""
        query = mean_vector(self._words, [self._words.vocabulary.number(word) for word in split_words(text)])
        captions = features.astype(np.float32)
        lengths = np.linalg.norm(captions, axis=1) * np.linalg.norm(query)
        cosines: NDArray[np.float32] = captions @ query / np.maximum(lengths, _TINY)
        return cosines

    def pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Return the cosines ``(S, K)`` with ``(S, K, 300)``; there is nothing to gain by taking them together."""
        return np.stack([self(text, own) for text, own in zip(texts, features, strict=True)])


def mean_vector(words: WordVectors, numbers: list[int]) -> NDArray[np.float32]:
    """Return the mean of the words' vectors, ``(300,)``; numbers of no word do not count, and of none the mean is 0."""
    known = [number for number in numbers if number >= RESERVED]
    if not known:
        return np.zeros(words.matrix.shape[1], np.float32)
    mean: NDArray[np.float32] = words.matrix[known].mean(dim=0).numpy()
    return mean


def load_vector_head(source: MatcherSource) -> VectorHead:
    """Load the captioner.

    Raises:
        CheckpointError: it has other weights than the one that the card was made with.
    """
    card = source.card
    tensors = read_weights(source.folder, card)
    captioner = captioner_card(CAPTIONER)
    if unpack_words(tensors["captioner"]) != [captioner.weights_sha256]:
        raise CheckpointError(f"{card.name!r} was made with another {CAPTIONER!r}; install semblance again")
    decoder = BeamSearch(int(tensors["beam_width"]))
    return CaptionMeans(
        load_network(captioner, weights_folder(CAPTIONER)), load_word_vectors(card.parts[WORD_VECTORS]), decoder
    )


def load_matcher(source: MatcherSource) -> FrozenMatcher:
    """Load the word vectors, and the captioner where images are encoded."""
    score = CosineOfMeans(load_word_vectors(source.card.parts[WORD_VECTORS]))
    return FrozenMatcher(source.card, _WhenNeeded(source), score, source.execution)


class _WhenNeeded:
    """Loads the captioner when an image comes: a service never needs it."""

    def __init__(self, source: MatcherSource) -> None:
        self._source = source

    @cached_property
    def _head(self) -> VectorHead:
        return load_vector_head(self._source)

    def __call__(self, vectors: NDArray[np.float32]) -> Features:
        return self._head(vectors)
