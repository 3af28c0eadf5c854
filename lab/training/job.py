"""A training job: which model, from which data, into which folders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lab.data.captioned import TRAIN_SETS, CaptionedImages, load_split
from lab.training.choices import with_choices
from lab.training.reporter import Reporter

R = TypeVar("R")

LICENCE = "Apache-2.0 (code and starting weights); trained on research-only photographs"


@dataclass(frozen=True)
class Job:
    """What ``semblance train`` hands to a recipe.

    Attributes:
        model: its name.
        data_root: folder of the captioned photographs.
        work_root: holds the cached features, shared by all models, and the state of each run.
        output: becomes the folder of weights and card.
        reporter: is told of the progress.
        choices: of the recipe, that are other than those which made the shipped weights.
        device: of torch, that trains; recipes that do not read it train on the CPU.
    """

    model: str
    data_root: Path
    work_root: Path
    output: Path
    reporter: Reporter
    choices: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"

    @property
    def work(self) -> Path:
        """Folder of this model's own state."""
        return self.work_root / self.model

    @property
    def features(self) -> Path:
        """Folder of the cached features of frozen layers, which all models share."""
        return self.work_root / "features"

    def recipe(self, default: R, *also: Any) -> R:
        """Return the model's recipe with the job's choices; see ``with_choices``."""
        return with_choices(default, self.choices, *also)

    def load(self, *names: str) -> list[CaptionedImages]:
        """Load splits of the captioned photographs."""
        return [load_split(name, self.data_root) for name in names]

    def card(self, recipe: Any) -> dict[str, Any]:
        """Return the fields that the cards of all models have in common."""
        device = [] if self.device == "cpu" else [f"--device {self.device}"]
        settings = [f"--set {name}={json.dumps(value)}" for name, value in self.choices.items()]
        command = " ".join([f"semblance train {self.model}", *device, *settings])
        training = {"command": command, "data": list(TRAIN_SETS), **asdict(recipe)}
        return {"name": self.model, "licence": LICENCE, "languages": ["en"], "training": training}
