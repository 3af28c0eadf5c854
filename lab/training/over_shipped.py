"""Trains a last stage of the ``semblance-base`` that ships anew, in minutes: the head of short queries, or hubness."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial

from lab.training.hubness_banks import HubnessRecipe, fit_hubness
from lab.training.job import Job
from lab.training.semblance_base import ship_towers
from lab.training.short_queries import ShortQueries, ShortRecipe
from lab.training.tower_vectors import pool_texts
from models.cards import EncoderCard
from models.encoders.two_tower_module import TwoTower, load_two_tower
from models.names import DEFAULT_MODEL
from models.shipped import encoder_card, weights_folder
from models.text.tokeniser import load_minilm_tokeniser


def ship_short(job: Job, recipe: ShortRecipe | None = None) -> EncoderCard:
    """Train the head, and write and measure a whole ``semblance-base``; all but the head is as it ships."""
    recipe, towers = recipe or job.recipe(ShortRecipe()), _shipped()
    ShortQueries(job, recipe, towers, partial(pool_texts, towers, load_minilm_tokeniser())).run()
    return _ship(job, towers, "short_queries", recipe)


def ship_hubness(job: Job, recipe: HubnessRecipe | None = None) -> EncoderCard:
    """Fit the banks, and write and measure a whole ``semblance-base``; all but the banks is as it ships."""
    recipe, towers, tokenise = recipe or job.recipe(HubnessRecipe()), _shipped(), load_minilm_tokeniser()
    fit_hubness(job, recipe, towers, tokenise, partial(pool_texts, towers, tokenise))
    return _ship(job, towers, "hubness", recipe)


def _shipped() -> TwoTower:
    return load_two_tower(encoder_card(DEFAULT_MODEL), weights_folder(DEFAULT_MODEL))


def _ship(job: Job, towers: TwoTower, stage: str, recipe: ShortRecipe | HubnessRecipe) -> EncoderCard:
    training = {**encoder_card(DEFAULT_MODEL).training, stage: asdict(recipe)}
    return ship_towers(replace(job, model=DEFAULT_MODEL), towers, training)
