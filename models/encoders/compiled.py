"""A dual encoder made of two compiled towers; the image tower may also give the features of matchers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cards import EncoderCard, MatcherCard
from models.imaging.transforms import fit_square
from models.inference.batches import TEXT_BATCH, image_batches
from models.inference.runner import Runner
from models.load_once import LoadOnce
from models.text.plain_phrase import plain_phrase
from models.text.plurals import encode_plurals
from models.types import Features, Pixels, Vectors


class CompiledDualEncoder:
    """Runs two towers that a runtime compiled; the ``DualEncoder`` and ``FeatureEncoder`` of every family here.

    Args:
        card: of the model.
        image_tower: ``(N, S, S, 3)`` uint8 to ``(N, D)``; each vector followed by the flat features of ``matchers``.
        text_tower: the tokeniser's arrays to ``(N, D)``.
        tokenise: sentences to arrays whose first axis is the batch; where ``reads_phrases``, also as ``like``, the text
            that all of them are left of.
        matchers: whose features the image tower gives, too.
        words_read: see ``DualEncoder``.
        reads_phrases: read a bare plural as its singular, too (see ``models.text.plurals``), and a phrase without its
            article and quotes (``plain_phrase``).
    """

    def __init__(
        self,
        card: EncoderCard,
        image_tower: Callable[[], Runner],
        text_tower: Callable[[], Runner],
        tokenise: Callable[..., tuple[NDArray[Any], ...]],
        matchers: Sequence[MatcherCard] = (),
        *,
        words_read: Callable[[str], int | None],
        reads_phrases: bool = False,
    ) -> None:
        self.card, self.matchers, self._tokenise, self.words_read = card, matchers, tokenise, words_read
        self._reads_phrases = reads_phrases
        self._loaders = {"image": image_tower, "text": text_tower}
        self._towers: LoadOnce[str, Runner] = LoadOnce()

    @property
    def _image_tower(self) -> Runner:
        return self._towers.get("image", lambda: self._load("image"))

    @property
    def _text_tower(self) -> Runner:
        return self._towers.get("text", lambda: self._load("text"))

    def _load(self, side: str) -> Runner:
        runner = self._loaders[side]()
        del self._loaders[side]  # it may hold the modules that the runner was made of, and they can go
        return runner

    def prepare(self, pixels: Pixels) -> Pixels:
        """Scale ``(H, W, 3)`` pixels to the model's square."""
        return fit_square(pixels, self.card.preprocessing)

    def encode_images(self, prepared: Pixels) -> Vectors:
        """Embed ``(N, S, S, 3)`` uint8 as ``(N, D)`` unit vectors."""
        return self.encode_images_with_features(prepared)[0]

    def encode_images_with_features(self, prepared: Pixels) -> tuple[Vectors, Mapping[str, Features]]:
        """Embed ``(N, S, S, 3)`` uint8; also return the features by the name of their matcher."""
        widths = [self.card.dimension, *(math.prod(card.feature_shape) for card in self.matchers)]
        rows = np.empty((len(prepared), sum(widths)), np.float32)
        start = 0
        for batch in image_batches(prepared):
            rows[start : start + len(batch)] = self._image_tower(batch)
            start += len(batch)
        vectors, *features = np.split(rows, np.cumsum(widths)[:-1], axis=1)
        return _unit(np.ascontiguousarray(vectors)), {
            card.name: flat.astype(np.float16).reshape(-1, *card.feature_shape)
            for card, flat in zip(self.matchers, features, strict=True)
        }

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed N sentences as ``(N, D)`` unit vectors."""
        if not self._reads_phrases:
            return self._encode(texts)
        return encode_plurals(self._encode, [plain_phrase(text) for text in texts])

    def encode_left(self, texts: Sequence[str], like: str) -> Vectors:
        """Embed N texts that are left of another as ``(N, D)``, read as that one is read: see ``LeftTextEncoder``."""
        if not self._reads_phrases:
            return self._encode(texts)
        return self._encode([plain_phrase(text, like) for text in texts], like=plain_phrase(like))

    def _encode(self, texts: Sequence[str], **reading: str) -> Vectors:
        vectors = np.empty((len(texts), self.card.dimension), np.float32)
        order = np.argsort([len(text) for text in texts], kind="stable")  # like lengths together: little padding
        for start in range(0, len(texts), TEXT_BATCH):
            rows = order[start : start + TEXT_BATCH]
            vectors[rows] = self._text_tower(*self._tokenise([texts[row] for row in rows], **reading))
        return _unit(vectors)


def _unit(vectors: Vectors) -> Vectors:
    """Normalise again: low-precision runtimes leave norms slightly off 1, and scores are inner products."""
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors
