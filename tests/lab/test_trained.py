"""What was trained is kept for its recipe, with the device that trained it, and is not trained again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lab.training.job import Job
from lab.training.trained import trained


@dataclass(frozen=True)
class _Recipe:
    passes: int = 1


class _Training:
    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> tuple[nn.Module, Mapping[str, int]]:
        self.runs += 1
        torch.manual_seed(self.runs)
        return nn.Linear(3, 2), {"steps": 7}


def _job(work: Path, device: str = "cpu") -> Job:
    return Job("made-up", work, work, work / "out", reporter=None, device=device)  # type: ignore[arg-type]


def test_a_recipe_is_trained_once_and_another_one_anew(tmp_path: Path) -> None:
    training = _Training()
    first = trained(_job(tmp_path), _Recipe(), training)
    again = trained(_job(tmp_path), _Recipe(), training)
    assert training.runs == 1
    assert first.state.keys() == again.state.keys() == {"weight", "bias"}
    assert all(torch.equal(value, again.state[name]) for name, value in first.state.items())
    other = trained(_job(tmp_path), _Recipe(passes=2), training)
    assert training.runs == 2
    assert not torch.equal(other.state["weight"], first.state["weight"])


def test_vectors_keep_their_precision_and_matrices_half_of_it(tmp_path: Path) -> None:
    training = _Training()
    found = trained(_job(tmp_path), _Recipe(), training)
    torch.manual_seed(1)
    whole = nn.Linear(3, 2).state_dict()
    assert torch.equal(found.state["bias"], whole["bias"])
    assert torch.equal(found.state["weight"], whole["weight"].half().float())


def test_the_card_names_the_device_that_trained_and_not_the_one_that_packs(tmp_path: Path) -> None:
    trained(_job(tmp_path, "cpu:0"), _Recipe(), _Training())
    found = trained(_job(tmp_path), _Recipe(), _Training())
    assert found.made == {"device": "cpu:0", "steps": 7}
    assert found.card(_job(tmp_path), _Recipe())["training"]["command"] == "semblance train made-up --device cpu:0"
