"""Corrects a query for a collection: a word of its captions is never taken for a typing error."""

from __future__ import annotations

from indexer.store.generation import Generation
from models.cards import EncoderCard
from models.text.spelling import Correction, Spelling

_ENGLISH = "en"


def correct_query(text: str, spelling: Spelling, card: EncoderCard, generation: Generation) -> Correction | None:
    """Return the correction of a query, None where nothing is to be corrected, or the model does not read English."""
    if _ENGLISH not in card.languages:
        return None
    return spelling.correct(text, generation.catalog.has_caption_with)
