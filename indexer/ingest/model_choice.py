"""Chooses the models and the matchers of a run."""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import InputError
from models.names import DEFAULT_MODEL
from models.shipped import matcher_card, matcher_cards

NO_MATCHER = "none"


def choose_models(asked: Sequence[str], held: Sequence[str] | None) -> list[str]:
    """Return the names of a run's models, each once: those asked for, else the collection's own, else the default."""
    return list(dict.fromkeys(asked or held or [DEFAULT_MODEL]))


def choose_matchers(asked: Sequence[str], models: Sequence[str], held: Sequence[str] | None) -> list[str]:
    """Return the matchers whose features a run keeps.

    Args:
        asked: names that were given, or ``none`` alone; by default a new collection gets the matchers whose features
            come with its models' vectors, for they cost nothing (those over weights of their own need another pass),
            another one keeps those that it holds: no collection is read anew because a matcher has come.
        models: of the run.
        held: by the collection; None where it is new.

    Raises:
        UnknownModelError: no matcher of that name.
        InputError: one that re-ranks the results of none of these models.
    """
    if not asked:
        fitting = [card for card in matcher_cards() if card.encoder in models]
        return [card.name for card in fitting if (not card.parts if held is None else card.name in held)]
    cards = [] if list(asked) == [NO_MATCHER] else [matcher_card(name) for name in dict.fromkeys(asked)]
    for card in cards:
        if card.encoder not in models:
            raise InputError(
                f"{card.name} re-ranks the results of {card.encoder}, which this run does not encode with: "
                f"add --model {card.encoder}, or leave --matcher {card.name} out"
            )
    return [card.name for card in cards]
