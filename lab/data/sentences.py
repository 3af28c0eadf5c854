"""Encodes many sentences, those of like length together, so that little is padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lab.data.pixels import Progress
from models.inference.compiler import compile_module
from models.text.minilm import SENTENCE, load_minilm
from models.text.tokeniser import load_minilm_tokeniser

_TOGETHER = 128


def encode_by_length(
    texts: Sequence[str],
    encode: Callable[[list[str]], NDArray[np.float32]],
    dimension: int,
    on_progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Encode M sentences, ``(M, D)``.

    Args:
        texts: the sentences.
        encode: at most 128 of them to ``(B, D)``.
        dimension: D.
        on_progress: called with sentences done and total.
    """
    vectors = np.empty((len(texts), dimension), np.float32)
    order, done = np.argsort([len(text) for text in texts]), 0
    for rows in np.array_split(order, len(order) // _TOGETHER + 1):
        vectors[rows] = encode([texts[row] for row in rows])
        done += len(rows)
        if on_progress:
            on_progress(done, len(texts))
    return vectors


def minilm_vectors(texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
    """Return the vectors of M sentences by the MiniLM that ships as it was released, ``(M, 384)``, of any length."""
    tokenise = load_minilm_tokeniser()
    examples = list(map(torch.from_numpy, tokenise(["a dog", "a dog runs"])))
    encode = compile_module(load_minilm(), examples, [(0, 1), (0, 1)])
    return encode_by_length(texts, lambda some: encode(*tokenise(some)), SENTENCE, on_progress)
