"""The models that ``semblance train`` can train, each with the function that trains it."""

from __future__ import annotations

from importlib import import_module

from lab.training.job import Job
from models.cards import PartCard
from models.errors import UnknownModelError

RECIPES = {
    "semblance-base": "semblance_base.ship",
    "semblance-base-phrases": "over_shipped.ship_phrases",
    "semblance-base-short-queries": "over_shipped.ship_short",
    "semblance-base-hubness": "over_shipped.ship_hubness",
    "late-interaction": "late_interaction.ship",
    "linear-mapping": "linear_mapping.ship",
    "limited-text-space": "limited_text_space.ship",
    "limited-text-space-single": "limited_text_space.ship",
    "vse": "limited_text_space.ship",
    "semantic-v": "semantic.ship",
    "semantic-vt": "semantic.ship",
    "wsabie": "semantic.ship",
    "lstm-similarity": "lstm_similarity.ship",
    "mcnn-word": "multimodal_cnn.ship",
    "mcnn-phrase-short": "multimodal_cnn.ship",
    "mcnn-phrase-long": "multimodal_cnn.ship",
    "mcnn-sentence": "multimodal_cnn.ship",
    "mcnn-ensemble": "multimodal_cnn.ship_ensemble",
    "caption-baseline": "caption_baseline.ship",
    "single-network": "single_network.ship",
    "single-network-standard": "single_network.ship",
    "imagenet-lite": "parts.ship",
    "captioned-lite": "captioned_backbone.ship",
    "minilm": "parts.ship",
    "word-vectors": "parts.ship",
    "tfidf": "parts.ship",
    "show-and-tell": "captioners.ship",
    "show-attend-tell": "captioners.ship",
}
"""Of each model the function of ``lab.training`` that trains it for a ``Job`` and writes its folder."""


def train(job: Job) -> PartCard:
    """Train a model and write its weights and card.

    Raises:
        UnknownModelError: no recipe of that name.
    """
    if job.model not in RECIPES:
        raise UnknownModelError(f"no training recipe for {job.model!r}; there are: {', '.join(RECIPES)}")
    module, _, function = RECIPES[job.model].rpartition(".")
    card: PartCard = getattr(import_module(f"lab.training.{module}"), function)(job)
    return card
