"""The models that ship with Semblance: their cards and folders, by name. Loads no model and no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

from models.cards import (
    CARD,
    CaptionerCard,
    CardKind,
    EncoderCard,
    MatcherCard,
    PartCard,
    WeightsCard,
    card_kind,
    read_captioner_card,
    read_encoder_card,
    read_matcher_card,
    read_part_card,
)
from models.errors import UnknownModelError
from models.names import DEFAULT_MODEL

C = TypeVar("C", bound=WeightsCard)

_WEIGHTS = Path(__file__).parent / "weights"


@cache
def encoder_cards() -> tuple[EncoderCard, ...]:
    """Return the cards of the dual encoders, the default first."""
    return tuple(sorted(_cards("model", read_encoder_card), key=lambda card: (card.name != DEFAULT_MODEL, card.name)))


@cache
def matcher_cards() -> tuple[MatcherCard, ...]:
    """Return the cards of the matchers, by name."""
    return tuple(_cards("matcher", read_matcher_card))


@cache
def captioner_cards() -> tuple[CaptionerCard, ...]:
    """Return the cards of the captioners, by name."""
    return tuple(_cards("captioner", read_captioner_card))


@cache
def part_cards() -> tuple[PartCard, ...]:
    """Return the cards of the weights that several models share, by name."""
    return tuple(_cards("part", read_part_card))


def encoder_card(name: str) -> EncoderCard:
    """Return the card of one dual encoder.

    Raises:
        UnknownModelError: no such model; the message lists those there are.
    """
    return _named(name, encoder_cards(), "model", ", and hf:<name or folder> for a CLIP or SigLIP checkpoint")


def matcher_card(name: str) -> MatcherCard:
    """Return the card of one matcher; raises as ``encoder_card``."""
    return _named(name, matcher_cards(), "matcher")


def captioner_card(name: str) -> CaptionerCard:
    """Return the card of one captioner; raises as ``encoder_card``."""
    return _named(name, captioner_cards(), "captioner")


def part_card(name: str) -> PartCard:
    """Return the card of shared weights; raises as ``encoder_card``."""
    return _named(name, part_cards(), "shared weights")


def weights_folder(name: str) -> Path:
    """Return the folder of a model's card and weights."""
    return _WEIGHTS / name


def _cards(kind: CardKind, read: Callable[[Path], C]) -> list[C]:
    folders = (path.parent for path in sorted(_WEIGHTS.glob(f"*/{CARD}")))
    return [read(folder) for folder in folders if card_kind(folder) == kind]


def _named(name: str, cards: Sequence[C], what: str, also: str = "") -> C:
    for card in cards:
        if card.name == name:
            return card
    there_are = ", ".join(card.name for card in cards) or "none"
    raise UnknownModelError(f"no {what} named {name!r}; there are: {there_are}{also}")
