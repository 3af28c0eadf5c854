"""The vectors and features encoded so far, of every model and side, each in its own log.

A matcher's features are the rows of its image side; it has no text side. A log's name bears a digest of what made its
rows, so that a model with other weights or other preprocessing starts a log of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.layout import file_stem
from indexer.store.vector_log import COMPACTING_SUFFIX, VectorLog
from models.cards import EncoderCard, MatcherCard
from models.errors import ModelError
from models.types import Side

SIDES: tuple[Side, ...] = ("image", "text")
_SUFFIX = ".vectors"


class KnownRows(Protocol):
    """Tells what has been encoded."""

    def lacking(self, side: Side, key: bytes) -> list[str]:
        """Return the models and matchers that have not encoded a key yet."""
        ...


@dataclass(frozen=True)
class KnownImages:
    """The images that had been encoded at some time, by model and matcher; it can be pickled."""

    encoded: Mapping[str, frozenset[bytes]]

    def lacking(self, side: Side, key: bytes) -> list[str]:
        """See ``KnownRows``; images alone are known."""
        return [model for model, keys in self.encoded.items() if side == "image" and key not in keys]


class EncodedVectors:
    """The logs of a collection's models and matchers, whose names differ."""

    def __init__(self, folder: Path, cards: Sequence[EncoderCard | MatcherCard]) -> None:
        self._folder, self.cards = folder, tuple(cards)
        self._names = {(card.name, side): _file_name(card, side) for card in cards for side in _sides(card)}
        self._forms = {card.name: _form(card) for card in cards}
        with ExitStack() as opened:  # closes those before where one cannot be opened
            self._logs = {
                (name, side): opened.enter_context(closing(VectorLog(folder / file_name, *self._forms[name])))
                for (name, side), file_name in self._names.items()
            }
            self._opened = opened.pop_all()

    def log(self, model: str, side: Side) -> VectorLog:
        """Return one model's log of one side."""
        return self._logs[model, side]

    def lacking(self, side: Side, key: bytes) -> list[str]:
        """Return the models and matchers that have not encoded a key yet."""
        return [model for (model, of), log in self._logs.items() if of == side and key not in log]

    def known_images(self) -> KnownImages:
        """Return what is stored of images now."""
        logs = {model: log for (model, side), log in self._logs.items() if side == "image"}
        return KnownImages({model: frozenset(log.keys()) for model, log in logs.items()})

    def append(
        self, model: str, side: Side, keys: Sequence[bytes], rows: NDArray[Any], *, anew: Collection[bytes] = ()
    ) -> None:
        """Store what is not there yet of a batch.

        Args:
            model: that made the rows.
            side: that they are of.
            keys: of the rows.
            rows: one a key.
            anew: keys whose rows replace those that are there.

        Raises:
            ModelError: the model gave something other than one finite row a key.
        """
        shape, dtype = self._forms[model]
        wanted = (len(keys), *shape)
        with np.errstate(over="ignore"):  # what float16 cannot hold becomes infinite, and is refused
            rows = rows.astype(dtype, copy=False)
        if rows.shape != wanted or not np.isfinite(rows).all():
            raise ModelError(f"model {model} gave {rows.shape} numbers, or not finite ones, instead of {wanted}")
        log = self._logs[model, side]
        if new := [place for place, key in enumerate(keys) if key in anew or key not in log]:
            log.append([keys[place] for place in new], rows[new])

    def adopt(self, former: Mapping[bytes, bytes]) -> None:
        """Store the rows of images again that are known by other keys now.

        Args:
            former: the key that an image had, by the one that it has.
        """
        for (_, side), log in self._logs.items():
            keys = [key for key, old in former.items() if side == "image" and key not in log and old in log]
            if keys:
                log.append(keys, np.concatenate(list(log.rows([former[key] for key in keys]))))

    def compact(self, live: Mapping[Side, Collection[bytes]]) -> None:
        """Drop the rows of what is gone, and the logs of models that the collection no longer uses."""
        for (_, side), log in self._logs.items():
            log.compact({key for key in live[side] if key in log})
        for path in self._folder.iterdir():
            if path.suffix in (_SUFFIX, COMPACTING_SUFFIX) and path.name not in self._names.values():
                path.unlink()

    def close(self) -> None:
        """Close every log."""
        self._opened.close()


def _sides(card: EncoderCard | MatcherCard) -> tuple[Side, ...]:
    return SIDES if isinstance(card, EncoderCard) else ("image",)


def _form(card: EncoderCard | MatcherCard) -> tuple[tuple[int, ...], str]:
    """Return the shape and the type of one row."""
    return ((card.dimension,), "<f4") if isinstance(card, EncoderCard) else (card.feature_shape, "<f2")


def _reading(card: EncoderCard | MatcherCard, side: Side) -> str:
    """Return a digest of how the model reads its input; empty for sentences that it reads as they are."""
    if side == "image":
        return card.preprocessing.digest
    assert isinstance(card, EncoderCard)  # noqa: S101 - a matcher has no text side
    return card.identity_of("text").preprocessing_digest if card.text_form else ""


def _file_name(card: EncoderCard | MatcherCard, side: Side) -> str:
    size = card.dimension if isinstance(card, EncoderCard) else card.feature_shape
    identity = f"{card.weights_sha256} {size} {_reading(card, side)}"
    return f"{file_stem(card.name)}.{side}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}{_SUFFIX}"
