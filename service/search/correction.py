"""Reads a query's words for a collection: a word of its captions is never taken for a typing error, nor for unknown."""

from __future__ import annotations

from typing import NamedTuple

from indexer.store.generation import Generation
from models.cards import EncoderCard
from models.text.spelling import Correction, Spelling

_ENGLISH = "en"


class Reading(NamedTuple):
    """A query as it is read.

    Attributes:
        text: what is searched for.
        correction: of what was written; None where nothing was corrected.
        unknown: words of the text that neither English nor the collection's captions know.
    """

    text: str
    correction: Correction | None = None
    unknown: tuple[str, ...] = ()


def read_words(text: str, spelling: Spelling, card: EncoderCard, generation: Generation, *, correct: bool) -> Reading:
    """Return how a query is read: as it was written, where the model does not read English.

    Args:
        text: as it was written.
        spelling: knows words.
        card: of the model that is asked.
        generation: that is searched.
        correct: correct a typing error.
    """
    if _ENGLISH not in card.languages:
        return Reading(text)
    in_captions = generation.catalog.has_caption_with
    correction = spelling.correct(text, in_captions) if correct else None
    read = correction.read if correction else text
    others = len(card.languages) > 1
    return Reading(read, correction, () if others else tuple(spelling.unknown(read, in_captions)))
