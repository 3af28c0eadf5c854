"""A stage of a job goes on from the job's folder, and only where everything that it depends on is the same."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lab.training.job import Job
from lab.training.loop import Group, PassReport, Schedule
from lab.training.stage import run_stage


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run."""

    passes: int = 2
    seed: int = 3


class Told:
    """A reporter that remembers the passes, and the steps' losses."""

    def __init__(self) -> None:
        self.passes: list[str] = []
        self.losses: list[float] = []

    def features(self, part: str, done: int, total: int) -> None:
        pass

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        self.losses.append(loss)

    def one_pass(self, stage: str, report: PassReport) -> None:
        self.passes.append(f"{stage} {report.number}")


def train(work: Path, recipe: Recipe, name: str = "maps", trained_over: str = "") -> tuple[Told, list[int], Tensor]:
    """Fit one weight to the seeds of the passes; return what was told, the seeds asked for and the weight."""
    told, seeds, module = Told(), [], nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)

    def batches(seed: int) -> list[Tensor]:
        seeds.append(seed)
        return [torch.full((1, 1), float(seed % 7))]

    run_stage(
        Job("toy", work, work, work / "out", told),
        name,
        recipe,
        module,
        lambda batch: (module(batch) - 1).square().mean(),
        [Group(list(module.parameters()), 0.1)],
        batches,
        1,
        Schedule(recipe.passes, warmup_steps=1),
        lambda: float(module.weight.detach()),
        trained_over=trained_over,
    )
    return told, seeds, module.weight.detach()


def test_the_seeds_of_the_passes_come_of_the_recipes(tmp_path: Path) -> None:
    told, seeds, weight = train(tmp_path, Recipe())
    assert (told.passes, seeds) == (["maps 1", "maps 2"], [3000, 3001])
    assert weight.item() != 0


def test_a_finished_stage_is_not_trained_again(tmp_path: Path) -> None:
    _, _, weight = train(tmp_path, Recipe(), trained_over="a")
    told, _, again = train(tmp_path, Recipe(), trained_over="a")
    assert (told.passes, again) == ([], weight)


def test_another_recipe_another_stage_and_other_frozen_weights_start_anew(tmp_path: Path) -> None:
    train(tmp_path, Recipe(), trained_over="a")
    assert train(tmp_path, Recipe(seed=4), trained_over="a")[0].passes == ["maps 1", "maps 2"]
    assert train(tmp_path, Recipe(), "heads", trained_over="a")[0].passes == ["heads 1", "heads 2"]
    assert train(tmp_path, Recipe(), trained_over="b")[0].passes == ["maps 1", "maps 2"]
    assert train(tmp_path, Recipe())[0].passes == ["maps 1", "maps 2"]
