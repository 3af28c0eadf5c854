"""Assembles ``caption-baseline`` from the shipped captioner and word vectors: there is nothing to train."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lab.training.job import Job
from lab.training.shipped_matcher import ship_matcher
from models.cards import MatcherCard
from models.matchers import caption_baseline
from models.matchers.caption_means import CAPTIONER
from models.shipped import captioner_card
from models.text.packed_words import pack_words
from models.text.word_vectors import DIMENSION


@dataclass(frozen=True)
class Recipe:
    """Every choice: how wide the captioner's beam is."""

    beam_width: int = 3


def ship(job: Job, recipe: Recipe | None = None) -> MatcherCard:
    """Write the folder; its weights are the width of the beam and the hash of the captioner's weights."""
    recipe = recipe or job.recipe(Recipe())
    captioner = captioner_card(CAPTIONER)
    tensors = {
        "beam_width": torch.tensor(recipe.beam_width),
        "captioner": pack_words([captioner.weights_sha256]),
    }
    card = {
        **job.card(recipe),
        "description": f"The baseline of an untitled report on LSTM image-sentence similarity: the cosine of the "
        f"mean word vectors of a sentence and of a caption that {CAPTIONER} wrote by beam search when the image was "
        "indexed. Word2vec of the captions in place of GloVe.",
        "architecture": "caption_baseline",
        "options": {"captioner": CAPTIONER},
        "feature_shape": [DIMENSION],
    }
    return ship_matcher(job, tensors, card, caption_baseline)
