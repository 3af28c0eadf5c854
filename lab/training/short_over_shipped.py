"""Trains the head of short queries anew over the ``semblance-base`` that ships: its last stage alone, in minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from numpy.typing import NDArray

from lab.data.sentences import encode_by_length
from lab.training.job import Job
from lab.training.semblance_base import ship_towers
from lab.training.short_queries import ShortQueries, ShortRecipe
from models.cards import EncoderCard
from models.encoders.two_tower_module import TwoTower, load_two_tower
from models.names import DEFAULT_MODEL
from models.shipped import encoder_card, weights_folder
from models.text.minilm import SENTENCE
from models.text.tokeniser import load_minilm_tokeniser


def ship(job: Job, recipe: ShortRecipe | None = None) -> EncoderCard:
    """Train the head, and write and measure a whole ``semblance-base``; all but the head is as it ships."""
    recipe, card = recipe or job.recipe(ShortRecipe()), encoder_card(DEFAULT_MODEL)
    towers = load_two_tower(card, weights_folder(card.name))
    ShortQueries(job, recipe, towers, lambda texts: _pool_texts(towers, texts)).run()
    return ship_towers(replace(job, model=DEFAULT_MODEL), towers, {**card.training, "short_queries": asdict(recipe)})


def _pool_texts(towers: TwoTower, texts: Sequence[str]) -> NDArray[np.float32]:
    tokenise = load_minilm_tokeniser()

    @torch.no_grad()
    def pool(some: list[str]) -> NDArray[np.float32]:
        pooled: NDArray[np.float32] = towers.text.pooled(*map(torch.from_numpy, tokenise(some))).numpy()
        return pooled

    return encode_by_length(texts, pool, SENTENCE)
