"""Matchers that score a sentence's words with images, over a frozen backbone, by compiled networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.cards import MatcherCard
from models.inference.graph import Graph
from models.inference.runner import Runner
from models.matchers.frozen_pass import CompiledHead, FrozenMatcher
from models.matchers.source import MatcherSource
from models.text.shipped_vocabulary import WORD_VECTORS, load_vocabulary
from models.text.vocabulary import PADDING, Vocabulary
from models.types import Features

MakeGraph: TypeAlias = Callable[[MatcherCard, Path], Graph]
"""Makes a matcher's graph from its card and the folder of its weights."""

MAX_WORDS = {"lstm_similarity": 16, "multimodal_cnn": 24}
"""Of a sentence, by architecture; further words are cut. Captions of photographs have 11; one in ten has more than 16,
two in a thousand more than 24. Each word is a step of the LSTM's loop."""


class WordScorer:
    """One sentence with M images.

    Args:
        network: numbers and mask of the words, ``(1, max_words)``, and vectors ``(M, D)`` to scores, ``(M,)`` or
            ``(1, M)``. Behind the last word there is padding, so that one graph serves all lengths.
        vocabulary: numbers the words.
        max_words: further words are cut.
    """

    def __init__(self, network: Runner, vocabulary: Vocabulary, max_words: int) -> None:
        self._run, self._vocabulary, self._max_words = network, vocabulary, max_words

    def pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Score ``(S, K, D)`` features, ``(S, K)``; one graph of one sentence serves, for it is fast."""
        return np.stack([self(text, own) for text, own in zip(texts, features, strict=True)])

    def __call__(self, text: str, features: Features) -> NDArray[np.float32]:
        """Score ``(M, D)`` features, ``(M,)``."""
        if not len(features):
            return np.zeros(0, np.float32)
        words, real = self._vocabulary.encode([text], max_words=self._max_words)
        numbers, mask = np.full((1, self._max_words), PADDING, np.int64), np.zeros((1, self._max_words), np.int64)
        numbers[:, : words.shape[1]], mask[:, : real.shape[1]] = words, real
        return self._run(numbers, mask, features.astype(np.float32)).reshape(len(features))


def compiled_head(source: MatcherSource, make: MakeGraph) -> CompiledHead:
    """Return what makes the image's vector of the frozen backbone's; ``make`` is called when an image comes."""
    return CompiledHead(lambda: _runner(source, "head", make), source.card)


def load_word_matcher(source: MatcherSource, head: MakeGraph, scores: MakeGraph) -> FrozenMatcher:
    """Load a matcher.

    Args:
        source: of the matcher.
        head: see ``compiled_head``.
        scores: makes the network of ``WordScorer``.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    card = source.card
    vocabulary = load_vocabulary(card.parts[WORD_VECTORS])
    scorer = WordScorer(_runner(source, "scores", scores), vocabulary, MAX_WORDS[card.architecture])
    return FrozenMatcher(card, compiled_head(source, head), scorer, source.compiler)


def _runner(source: MatcherSource, part: str, make: MakeGraph) -> Runner:
    card = source.card
    # in full precision: scores a hair apart must stay apart
    return source.compiler.runner(
        f"{card.name}.{part}", card.made_of, lambda: make(card, source.folder), full_precision=True
    )
