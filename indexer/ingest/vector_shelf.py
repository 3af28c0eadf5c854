"""The vectors encoded so far, of every model and side, each in its own log.

A log's name bears a digest of what made its vectors, so that a model with other weights or other preprocessing starts
a log of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from indexer.layout import file_stem
from indexer.store.vector_log import VectorLog
from models.errors import ModelError
from models.types import ModelCard, Side, Vectors

SIDES: tuple[Side, ...] = ("image", "text")
_SUFFIX = ".vectors"


class VectorShelf:
    """The logs of a collection's models."""

    def __init__(self, folder: Path, cards: Sequence[ModelCard]) -> None:
        self._folder = folder
        self._cards = {card.name: card for card in cards}
        self._logs = {
            (card.name, side): VectorLog(folder / _file_name(card, side), card.dimension)
            for card in cards
            for side in SIDES
        }

    def log(self, model: str, side: Side) -> VectorLog:
        """Return one model's log of one side."""
        return self._logs[model, side]

    def lacking(self, side: Side, key: bytes) -> list[str]:
        """Return the models that have not encoded a key yet."""
        return [model for model in self._cards if key not in self._logs[model, side]]

    def append(self, model: str, side: Side, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Store a batch.

        Raises:
            ModelError: the model gave something other than one finite vector a key.
        """
        wanted = (len(keys), self._cards[model].dimension)
        if vectors.shape != wanted or not np.isfinite(vectors).all():
            raise ModelError(f"model {model} gave {vectors.shape} vectors, or not finite ones, instead of {wanted}")
        self._logs[model, side].append(keys, vectors)

    def compact(self, live: Mapping[Side, Collection[bytes]]) -> None:
        """Drop the vectors of what is gone, and the logs of models that the collection no longer uses."""
        for (_, side), log in self._logs.items():
            log.compact(live[side])
        used = {_file_name(card, side) for card in self._cards.values() for side in SIDES}
        for path in self._folder.glob(f"*{_SUFFIX}"):
            if path.name not in used:
                path.unlink()

    def close(self) -> None:
        """Close every log."""
        for log in self._logs.values():
            log.close()


def _file_name(card: ModelCard, side: Side) -> str:
    identity = f"{card.weights_sha256} {card.dimension} {card.preprocessing.digest if side == 'image' else ''}"
    return f"{file_stem(card.name)}.{side}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}{_SUFFIX}"
