"""From a finished training to a folder that ships: weights, and a card with figures measured as served."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.checkpoint import read_card, read_matcher_card, write_checkpoint
from models.data.captioned import DEV_SETS, TRAIN_SETS, load_split
from models.dual.two_tower import DIMENSION, INPUT, TOKENISER, load_two_tower_encoder
from models.evaluation.encoded import encode_captioned
from models.evaluation.retrieval import evaluate_retrieval
from models.matchers.late_interaction import FEATURE_SHAPE
from models.training import late_interaction, semblance_base
from models.training.pretrained import minilm_folder
from models.training.reporter import Reporter
from models.types import Card, ModelCard

_LICENCE = "Apache-2.0 (code and starting weights); trained on research-only photographs"


def ship_semblance_base(
    data_root: Path, work: Path, output: Path, reporter: Reporter, recipe: semblance_base.Recipe | None = None
) -> ModelCard:
    """Train ``semblance-base``, write its folder and measure what was written on both dev splits.

    Args:
        data_root: folder of the captioned photographs.
        work: keeps features and the state of the run.
        output: becomes ``weights.safetensors``, ``tokenizer.json`` and ``card.json``.
        reporter: shows how it goes.
        recipe: the choices; by default those of the shipped weights.
    """
    recipe = recipe or semblance_base.Recipe()
    towers = semblance_base.Training(data_root, work, recipe, reporter).run()
    card: dict[str, Any] = {
        "name": "semblance-base",
        "description": "Two EfficientNet-Lites (Lite0 at 224 and Lite2 at 260 pixels) and a MiniLM-L6, tuned together "
        "on captioned photographs and joined on one unit sphere, with a block that knows ImageNet's classes by name. "
        "English only. Trained on photographs that are licensed for research only.",
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
        "licence": _LICENCE,
        "languages": ["en"],
        "training": _training("semblance-base", recipe),
        "quality": {},
    }
    write_checkpoint(output, towers.state_dict(), card)
    shutil.copyfile(minilm_folder() / TOKENISER, output / TOKENISER)
    encoder = load_two_tower_encoder(read_card(output), output, runtime="auto", device="cpu", threads=None)
    for name in DEV_SETS:
        card["quality"][name] = evaluate_retrieval(encode_captioned(encoder, load_split(name, data_root)))
    write_checkpoint(output, towers.state_dict(), card)
    return read_card(output)


def ship_late_interaction(
    data_root: Path, work: Path, output: Path, reporter: Reporter, recipe: late_interaction.Recipe | None = None
) -> Card:
    """Train ``late-interaction`` over the shipped ``semblance-base`` and write its folder; arguments as above."""
    recipe = recipe or late_interaction.Recipe()
    heads, weight = late_interaction.Training(data_root, work, recipe, reporter).run()
    card: dict[str, Any] = {
        "kind": "matcher",
        "name": "late-interaction",
        "description": "Re-ranks what semblance-base found: each word of a sentence looks for its own place among 25 "
        "regions of a photograph.",
        "architecture": "late_interaction",
        "encoder": late_interaction.ENCODER,
        "feature_shape": list(FEATURE_SHAPE),
        "weight": weight,
        "preprocessing": asdict(INPUT),
        "licence": _LICENCE,
        "languages": ["en"],
        "training": _training("late-interaction", recipe),
    }
    write_checkpoint(output, heads.state_dict(), card)
    return read_matcher_card(output)


SHIPPING: dict[str, Callable[[Path, Path, Path, Reporter], Card]] = {
    "semblance-base": ship_semblance_base,
    "late-interaction": ship_late_interaction,
}
"""What trains each model that ships."""


def _training(model: str, recipe: Any) -> dict[str, Any]:
    return {"command": f"semblance train {model}", "data": list(TRAIN_SETS), **asdict(recipe)}
