"""Turns sentences into padded token ids with a Hugging Face ``tokenizer.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.names import DEFAULT_MODEL
from models.shipped import weights_folder
from models.text.normalise import normalise

MAX_TOKENS = 256
"""Of a sentence that MiniLM reads, specials included; longer ones are cut."""
_SPECIALS = 2
"""[CLS] and [SEP]."""
TOKENISER = "tokenizer.json"


class Tokeniser:
    """Reads sentences in their normal form (see ``normalise``), and cuts what is longer than ``max_tokens``.

    It pads each batch to its own longest sentence, never to a fixed length.
    """

    def __init__(self, path: Path, max_tokens: int) -> None:
        self._room = max_tokens - _SPECIALS
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding()

    def __call__(self, texts: Sequence[str], like: str | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and mask, ``(N, T)`` each; of texts that are left of one like it (see ``normalise``)."""
        encodings = self._tokenizer.encode_batch([normalise(text, like) for text in texts])
        ids = np.array([e.ids for e in encodings], dtype=np.int64)
        mask = np.array([e.attention_mask for e in encodings], dtype=np.int64)
        return ids, mask

    def words_read(self, text: str) -> int | None:
        """Return how many words of a sentence are read, None where all are."""
        text = normalise(text)
        if len(text) <= self._room:  # no word piece is shorter than a character
            return None
        return words_before_cut(self._tokenizer, text)


def words_before_cut(tokenizer: Tokenizer, text: str) -> int | None:
    """Return how many words of a text a tokenizer that truncates leaves, None where it leaves all of it."""
    encoding = tokenizer.encode(text)
    if not encoding.overflowing:
        return None
    return len(text[: max(end for _, end in encoding.offsets)].split())


def load_minilm_tokeniser() -> Tokeniser:
    """Load the tokeniser of MiniLM, which ships once, in the default model's folder."""
    return Tokeniser(weights_folder(DEFAULT_MODEL) / TOKENISER, MAX_TOKENS)
