"""Keeps what was trained: training is long without a GPU, and packing it and measuring it as it serves needs none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lab.training.job import Job
from lab.training.recipe import digest_of


class Trained(NamedTuple):
    """The state of a network, float32, and how it was made: ``device``, and what else its training tells."""

    state: dict[str, Tensor]
    made: dict[str, Any]

    def card(self, job: Job, recipe: Any) -> dict[str, Any]:
        """Return ``Job.card`` of the job that trained it."""
        return replace(job, device=self.made["device"]).card(recipe)


def trained(job: Job, recipe: Any, train: Callable[[], tuple[nn.Module, Mapping[str, Any]]]) -> Trained:
    """Return what a recipe made: that of the job's folder of work or, where there is none, newly trained.

    Args:
        job: the training job.
        recipe: all choices; another recipe is another file.
        train: gives the network, and what is to be told of its training.
    """
    file = trained_file(job, recipe)
    if not file.exists():
        network, made = train()
        state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
        # matrices in half precision: what ships is in 8 bits
        kept = {
            name: value.half() if value.ndim > 1 and value.is_floating_point() else value
            for name, value in state.items()
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".partial")  # a kill leaves no half file under the name
        save_file(kept, unfinished, {"made": json.dumps({"device": job.device, **made})})
        unfinished.rename(file)
    with safe_open(file, "pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
        state = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
        return Trained(state, json.loads(stored.metadata()["made"]))


def trained_file(job: Job, recipe: Any) -> Path:
    """Return where it is kept."""
    return job.work / f"trained-{digest_of(recipe)}.safetensors"
