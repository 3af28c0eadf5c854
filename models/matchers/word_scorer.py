"""Scores a sentence's words with images by a network that torch runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from models.inference.device import multiplies_bfloat16
from models.inference.execution import Execution
from models.inference.torch_runtime import TorchRunner
from models.text.vocabulary import Vocabulary
from models.types import Features


class WordScorer:
    """One sentence with M images, or several sentences with images of their own.

    Args:
        network: numbers and mask of the words, ``(1, T)``, and vectors ``(M, D)`` to scores, ``(M,)`` or ``(1, M)``;
            of S sentences ``(S, T)`` with vectors ``(S, K, D)`` to ``(S, K)``.
        vocabulary: numbers the words.
        max_words: further words are cut.
        execution: where torch runs, and on how many threads.
    """

    def __init__(self, network: nn.Module, vocabulary: Vocabulary, max_words: int, execution: Execution) -> None:
        device = execution.device
        mixed = multiplies_bfloat16(device)
        self._run = TorchRunner(network, device=device, threads=execution.threads, mixed_precision=mixed)
        self._vocabulary, self._max_words = vocabulary, max_words

    def __call__(self, text: str, features: Features) -> NDArray[np.float32]:
        """Score ``(M, D)`` features, ``(M,)``."""
        return self._scores([text], features).reshape(len(features))

    def pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Score ``(S, K, D)`` features, ``(S, K)``."""
        return self._scores(texts, features)

    def _scores(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        numbers, mask = self._vocabulary.encode(list(texts), max_words=self._max_words)
        return self._run(numbers, mask, features.astype(np.float32))
