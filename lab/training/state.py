"""Saves and restores a training run: tensors as safetensors, numbers as JSON; nothing is pickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from lab.training.average import RunningAverage


def save_state(
    path: Path, module: nn.Module, optimiser: Optimizer, average: RunningAverage, facts: dict[str, Any]
) -> None:
    """Write everything a resumed run needs in one file, by rename, so that a kill leaves the old or the new one."""
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    tensors |= {f"average.{index}": value for index, value in enumerate(average.values)}
    tensors = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"facts": json.dumps(facts)})
    partial.rename(path)


def load_state(path: Path, module: nn.Module, optimiser: Optimizer, average: RunningAverage) -> dict[str, Any]:
    """Restore a run into a module and optimiser of the same shape; return the facts saved with it."""
    moments: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - not a mapping
            part, _, rest = name.partition(".")
            if part == "module":
                weights[rest] = file.get_tensor(name)
            elif part == "average":
                average.values[int(rest)].copy_(file.get_tensor(name))
            else:
                index, _, moment = rest.partition(".")
                moments.setdefault(int(index), {})[moment] = file.get_tensor(name)
        facts: dict[str, Any] = json.loads(file.metadata()["facts"])
    module.load_state_dict(weights)
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return facts
