"""From a finished training to a folder that ships: weights, and a card with figures measured as served."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lab.checkpoint import VOCABULARY_ROWS, write_checkpoint
from lab.pretrained import minilm_folder
from lab.training import late_interaction, semblance_base
from lab.training.job import Job
from lab.training.shipped_encoder import ship_encoder
from models.backbones.lite_pair import INPUT
from models.cards import EncoderCard, ModelCard, read_matcher_card
from models.encoders.two_tower import load_encoder
from models.encoders.two_tower_module import DIMENSION
from models.matchers.late_interaction_module import FEATURE_SHAPE
from models.text.tokeniser import TOKENISER


def ship_semblance_base(job: Job, recipe: semblance_base.Recipe | None = None) -> EncoderCard:
    """Train ``semblance-base``, write its folder and measure what was written on both dev splits.

    Args:
        job: the order; its output becomes ``weights.safetensors``, ``tokenizer.json`` and ``card.json``.
        recipe: the choices; by default those of the shipped weights.
    """
    recipe = recipe or semblance_base.Recipe()
    towers = semblance_base.Training(job.data_root, job.work, recipe, job.reporter).run()
    card: dict[str, Any] = {
        **job.card(recipe),
        "description": "Two EfficientNet-Lites (Lite0 at 224 and Lite2 at 260 pixels) and a MiniLM-L6, tuned together "
        "on captioned photographs and joined on one unit sphere, with a block that knows ImageNet's classes by name. "
        "English only. Trained on photographs that are licensed for research only.",
        "architecture": "two_tower",
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
    }
    tokeniser = minilm_folder() / TOKENISER
    return ship_encoder(job, towers.state_dict(), card, load_encoder, int8_rows=VOCABULARY_ROWS, files=[tokeniser])


def ship_late_interaction(job: Job, recipe: late_interaction.Recipe | None = None) -> ModelCard:
    """Train ``late-interaction`` over the shipped ``semblance-base`` and write its folder; arguments as above."""
    recipe = recipe or late_interaction.Recipe()
    heads, weight = late_interaction.Training(job.data_root, job.work, recipe, job.reporter).run()
    card: dict[str, Any] = {
        "kind": "matcher",
        **job.card(recipe),
        "description": "Re-ranks what semblance-base found: each word of a sentence looks for its own place among 25 "
        "regions of a photograph.",
        "architecture": "late_interaction",
        "encoder": late_interaction.ENCODER,
        "feature_shape": list(FEATURE_SHAPE),
        "weight": weight,
        "preprocessing": asdict(INPUT),
    }
    write_checkpoint(job.output, heads.state_dict(), card)
    return read_matcher_card(job.output)
