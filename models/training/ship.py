"""From a finished training to a folder that ships: weights, tokeniser, and a card with figures measured as served."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.progress import Progress

from models.checkpoint import read_card, write_checkpoint
from models.data.captioned import load_split
from models.dual.two_tower import DIMENSION, INPUT, TOKENISER, load_two_tower_encoder
from models.evaluation.encoded import encode_captioned
from models.evaluation.retrieval import evaluate_retrieval
from models.training.loop import PassReport
from models.training.pretrained import minilm_folder
from models.training.semblance_base import DEV_SETS, TRAIN_SETS, Recipe, Training
from models.types import ModelCard

_DESCRIPTION = (
    "Two EfficientNet-Lites (Lite0 at 224 and Lite2 at 260 pixels) and a MiniLM-L6, joined by trained heads on one "
    "unit sphere. English only. Trained on photographs that are licensed for research only."
)


def train_and_ship(
    data_root: Path, work: Path, output: Path, progress: Progress, recipe: Recipe | None = None
) -> ModelCard:
    """Train ``semblance-base``, write its folder and measure what was written on both dev splits.

    Args:
        data_root: folder of the captioned photographs.
        work: keeps features and the state of the run.
        output: becomes ``weights.safetensors``, ``tokenizer.json`` and ``card.json``.
        progress: shows how it goes.
        recipe: the choices; by default those of the shipped weights.
    """
    recipe = recipe or Recipe()
    towers = Training(data_root, work, recipe, _Shown(progress)).run()
    card: dict[str, Any] = {
        "name": "semblance-base",
        "description": _DESCRIPTION,
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
        "licence": "Apache-2.0 (code and starting weights); trained on research-only photographs",
        "languages": ["en"],
        "training": {"command": "semblance train semblance-base", "data": list(TRAIN_SETS), **asdict(recipe)},
        "quality": {},
    }
    write_checkpoint(output, towers.state_dict(), card)
    shutil.copyfile(minilm_folder() / TOKENISER, output / TOKENISER)
    encoder = load_two_tower_encoder(read_card(output), output, runtime="auto", device="cpu", threads=None)
    for name in DEV_SETS:
        progress.console.print(f"measuring on {name}")
        card["quality"][name] = evaluate_retrieval(encode_captioned(encoder, load_split(name, data_root)))
    write_checkpoint(output, towers.state_dict(), card)
    return read_card(output)


class _Shown:
    """Draws a run's progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def features(self, part: str, done: int, total: int) -> None:
        """Draw how far the features are."""
        self._draw(f"features of {part}", done, total)

    def step(self, stage: str, done: int, total: int, loss: float) -> None:  # noqa: ARG002 - the pass tells the loss
        """Draw a step."""
        self._draw(f"training: {stage}", done, total)

    def one_pass(self, stage: str, report: PassReport) -> None:
        """Print what a pass brought."""
        self._progress.console.print(
            f"{stage}: pass {report.number} of {report.passes}, loss {report.loss:.3f}, "
            f"mean recall on dev {100 * report.score:.2f}, {report.seconds:.0f} s"
        )

    def _draw(self, name: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done)
