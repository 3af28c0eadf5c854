"""One stage of a job's training: the loop with the job's state file, seed and reporter filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from lab.training.job import Job
from lab.training.loop import Group, Schedule, adamw, fit
from lab.training.recipe import digest_of

Batch = TypeVar("Batch")


class Seeded(Protocol):
    """A recipe: a frozen dataclass of every choice of a run."""

    @property
    def seed(self) -> int:
        """Of all randomness."""
        ...


def run_stage(
    job: Job,
    name: str,
    recipe: Seeded,
    module: nn.Module,
    loss: Callable[[Batch], Tensor],
    groups: Sequence[Group],
    batches: Callable[[int], Iterable[Batch]],
    steps_per_pass: int,
    schedule: Schedule,
    evaluate: Callable[[], float],
    make_optimiser: Callable[[list[dict[str, Any]], float], Any] = adamw,
    trained_over: str = "",
) -> None:
    """Train in place (see ``fit``); a killed run goes on from the job's folder, another recipe starts anew.

    Args:
        job: the training job.
        name: of the stage.
        recipe: all choices, those of earlier stages included.
        module: everything with weights.
        loss: of one batch.
        groups: the parameters to train.
        batches: a pass's seed, of which all its randomness comes, to its batches.
        steps_per_pass: number of batches in a pass.
        schedule: length and speed.
        evaluate: the figure on the dev splits that decides, in 0..1; larger is better.
        make_optimiser: see ``fit``.
        trained_over: SHA-256 of the frozen weights beneath, where they may change between two runs of one recipe.
    """
    job.work.mkdir(parents=True, exist_ok=True)
    fit(
        module,
        loss,
        groups,
        lambda number: batches(recipe.seed * 1000 + number),
        steps_per_pass=steps_per_pass,
        schedule=schedule,
        evaluate=evaluate,
        state_file=job.work / f"{name}-{digest_of((recipe, trained_over) if trained_over else recipe)}.safetensors",
        seed=recipe.seed,
        make_optimiser=make_optimiser,
        on_step=lambda done, total, value: job.reporter.step(name, done, total, value),
        on_pass=lambda report: job.reporter.one_pass(name, report),
    )
