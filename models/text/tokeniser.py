"""Turns sentences into padded token ids with a Hugging Face ``tokenizer.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.names import DEFAULT_MODEL
from models.shipped import weights_folder

MAX_TOKENS = 64
"""Of a sentence that MiniLM reads, specials included; longer ones are cut."""
TOKENISER = "tokenizer.json"


class Tokeniser:
    """Pads each batch to its own longest sentence, never to a fixed length; longer than ``max_tokens`` is cut."""

    def __init__(self, path: Path, max_tokens: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding()

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and mask, ``(N, T)`` each."""
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = np.array([e.ids for e in encodings], dtype=np.int64)
        mask = np.array([e.attention_mask for e in encodings], dtype=np.int64)
        return ids, mask


def load_minilm_tokeniser() -> Tokeniser:
    """Load the tokeniser of MiniLM, which ships once, in the default model's folder."""
    return Tokeniser(weights_folder(DEFAULT_MODEL) / TOKENISER, MAX_TOKENS)
