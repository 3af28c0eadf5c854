"""The one training loop, readable from top to bottom; models bring their loss, their batches and their measure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lab.training.average import RunningAverage
from lab.training.state import load_state, save_state

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Group:
    """Parameters that share a peak learning rate."""

    parameters: Sequence[nn.Parameter]
    learning_rate: float


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: linear warm-up, then a cosine to zero (Loshchilov and Hutter 2017).

    Another course of the learning rate is a subclass with another ``factor``.
    """

    passes: int
    warmup_steps: int = 100
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    average: float = 0.0
    """Decay a step of the running average of the weights, which is what is measured and kept; 0 keeps the weights."""

    def factor(self, step: int, steps: int) -> float:
        """Return the share of the peak learning rate at a step."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        return 0.5 * (1 + math.cos(math.pi * (step - self.warmup_steps) / max(1, steps - self.warmup_steps)))


@dataclass(frozen=True)
class StepDecay(Schedule):
    """The learning rate times ``decay`` after every ``every`` steps, without a warm-up."""

    decay: float = 0.96
    every: int = 4096

    def factor(self, step: int, steps: int) -> float:  # noqa: ARG002 - the length does not matter here
        """Return the share of the first learning rate at a step."""
        return self.decay ** (step // self.every)


def adamw(groups: list[dict[str, Any]], weight_decay: float) -> Optimizer:
    """Return AdamW (Loshchilov and Hutter 2019)."""
    return torch.optim.AdamW(groups, weight_decay=weight_decay)


def momentum_descent(momentum: float) -> Callable[[list[dict[str, Any]], float], Optimizer]:
    """Return gradient descent whose steps keep a share of the steps before (Polyak 1964)."""

    def make(groups: list[dict[str, Any]], weight_decay: float) -> Optimizer:
        return torch.optim.SGD(groups, weight_decay=weight_decay, momentum=momentum)

    return make


@dataclass(frozen=True)
class PassReport:
    """The result of one pass over the data: mean loss, score on dev, duration."""

    number: int
    passes: int
    loss: float
    score: float
    seconds: float


def fit(
    module: nn.Module,
    loss: Callable[[Batch], Tensor],
    groups: Sequence[Group],
    batches: Callable[[int], Iterable[Batch]],
    steps_per_pass: int,
    schedule: Schedule,
    *,
    evaluate: Callable[[], float],
    state_file: Path,
    seed: int,
    make_optimiser: Callable[[list[dict[str, Any]], float], Optimizer] = adamw,
    on_step: Callable[[int, int, float], None] | None = None,
    on_pass: Callable[[PassReport], None] | None = None,
) -> None:
    """Train in place and leave the module with the weights of its best pass.

    Args:
        module: everything with weights, what the loss learns included.
        loss: of one batch.
        groups: the parameters to train; all others stay as they are.
        batches: pass number to that pass's batches; must give the same ones for the same number.
        steps_per_pass: number of batches in a pass.
        schedule: length and speed.
        evaluate: the figure on the dev split that decides; larger is better.
        state_file: a killed run goes on after its last whole pass from here; deleted by whoever owns the run.
        seed: of dropout and noise; pass n draws with ``seed * 1000 + n``.
        make_optimiser: groups, each with its ``lr``, and weight decay to an optimiser.
        on_step: called with step, steps and loss.
        on_pass: called after each pass.
    """
    optimiser = make_optimiser(
        [{"params": list(g.parameters), "lr": g.learning_rate, "peak": g.learning_rate} for g in groups],
        schedule.weight_decay,
    )
    trained = [p for g in groups for p in g.parameters]
    average = RunningAverage(trained, schedule.average)
    steps = schedule.passes * steps_per_pass
    progress: dict[str, Any] = {"passes_done": 0, "best_score": -math.inf}
    if state_file.exists():
        progress = load_state(state_file, module, optimiser, average)
    best_file = state_file.with_name(state_file.stem + "-best.safetensors")

    for number in range(progress["passes_done"], schedule.passes):
        torch.manual_seed(seed * 1000 + number)  # a resumed pass draws the same noise
        module.train()
        started, total = time.monotonic(), 0.0
        for index, batch in enumerate(batches(number)):
            step = number * steps_per_pass + index
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * schedule.factor(step, steps)
            value = loss(batch)
            optimiser.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(trained, schedule.max_gradient_norm)
            optimiser.step()
            average.update(step)
            total += value.item()
            if on_step:
                on_step(step + 1, steps, value.item())
        module.eval()
        progress["passes_done"] = number + 1
        with average.in_place():
            score = evaluate()
            if score > progress["best_score"]:
                progress["best_score"] = score
                save_state(best_file, module, optimiser, average, progress)
        save_state(state_file, module, optimiser, average, progress)
        if on_pass:
            seconds = time.monotonic() - started
            on_pass(PassReport(number + 1, schedule.passes, total / steps_per_pass, score, seconds))

    load_state(best_file, module, optimiser, average)
    module.eval()
