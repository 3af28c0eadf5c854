"""Trains a late stage of the ``semblance-base`` that ships anew, in minutes: phrases, short queries, hubness."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial

from lab.training.hubness_banks import HubnessRecipe, fit_hubness
from lab.training.job import Job
from lab.training.phrases import PhraseRecipe, Phrases
from lab.training.semblance_base import ship_towers
from lab.training.short_queries import ShortQueries, ShortRecipe
from lab.training.tower_vectors import read_texts
from models.cards import EncoderCard
from models.encoders.two_tower_module import TwoTower, load_two_tower
from models.names import DEFAULT_MODEL
from models.shipped import encoder_card, weights_folder
from models.text.tokeniser import load_minilm_tokeniser


def ship_phrases(job: Job, recipe: PhraseRecipe | None = None) -> EncoderCard:
    """Train the phrases, fit hubness, whose banks hold them, and write and measure a whole ``semblance-base``."""
    recipe = recipe or job.recipe(PhraseRecipe(), HubnessRecipe())
    hubness = job.recipe(HubnessRecipe(), PhraseRecipe())
    towers, tokenise = _shipped(), load_minilm_tokeniser()
    Phrases(job, recipe, towers, tokenise).run()
    fit_hubness(job, hubness, towers, tokenise, partial(read_texts, towers, tokenise))
    return _ship(job, towers, phrases=recipe, hubness=hubness)


def ship_short(job: Job, recipe: ShortRecipe | None = None) -> EncoderCard:
    """Train the head, and write and measure a whole ``semblance-base``; all but the head is as it ships."""
    recipe, towers = recipe or job.recipe(ShortRecipe()), _shipped()
    ShortQueries(job, recipe, towers, partial(read_texts, towers, load_minilm_tokeniser())).run()
    return _ship(job, towers, short_queries=recipe)


def ship_hubness(job: Job, recipe: HubnessRecipe | None = None) -> EncoderCard:
    """Fit the banks, and write and measure a whole ``semblance-base``; all but the banks is as it ships."""
    recipe, towers, tokenise = recipe or job.recipe(HubnessRecipe()), _shipped(), load_minilm_tokeniser()
    fit_hubness(job, recipe, towers, tokenise, partial(read_texts, towers, tokenise))
    return _ship(job, towers, hubness=recipe)


def _shipped() -> TwoTower:
    return load_two_tower(encoder_card(DEFAULT_MODEL), weights_folder(DEFAULT_MODEL))


def _ship(job: Job, towers: TwoTower, **stages: PhraseRecipe | ShortRecipe | HubnessRecipe) -> EncoderCard:
    trained = {name: asdict(recipe) for name, recipe in stages.items()}
    return ship_towers(replace(job, model=DEFAULT_MODEL), towers, {**encoder_card(DEFAULT_MODEL).training, **trained})
