"""The loop learns, keeps its best pass, and goes on after a kill as if nothing had happened."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lab.training.loop import Group, PassReport, Schedule, fit

_TARGET = torch.tensor([[1.0, -2.0, 0.5]])


class _KilledError(Exception):
    pass


def _batches(number: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(number)
    for _ in range(5):
        yield torch.randn(16, 3, generator=generator)


def _run(folder: Path, passes: int = 4, kill_after: int | None = None, scores: list[float] | None = None):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Dropout(0.1), nn.Linear(3, 1, bias=False))
    reports: list[PassReport] = []

    def on_pass(report: PassReport) -> None:
        reports.append(report)
        if report.number == kill_after:
            raise _KilledError

    def loss(batch: Tensor) -> Tensor:
        return (module(batch) - batch @ _TARGET.T).square().mean()

    listed = iter(scores or [])
    fit(
        module, loss, [Group(list(module.parameters()), 0.1)], _batches, 5,
        Schedule(passes, warmup_steps=2, weight_decay=0.0),
        evaluate=lambda: next(listed) if scores else -(module[1].weight.detach() - _TARGET).norm().item(),
        state_file=folder / "state.safetensors", seed=3, on_pass=on_pass,
    )  # fmt: skip
    return module, reports


def test_it_learns(tmp_path: Path) -> None:
    _, reports = _run(tmp_path, passes=8)
    assert reports[-1].loss < reports[0].loss / 2
    assert [r.number for r in reports] == list(range(1, 9))


def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole, _ = _run(tmp_path / "a")
    with pytest.raises(_KilledError):
        _run(tmp_path / "b", kill_after=2)
    resumed, reports = _run(tmp_path / "b")
    assert [r.number for r in reports] == [3, 4]
    torch.testing.assert_close(resumed[1].weight, whole[1].weight, rtol=0, atol=0)


def test_the_best_pass_is_kept_not_the_last(tmp_path: Path) -> None:
    after_two, _ = _run(tmp_path, passes=2, scores=[0.1, 0.9])
    (tmp_path / "long").mkdir()
    best, _ = _run(tmp_path / "long", passes=2, scores=[0.9, 0.1])
    assert not torch.equal(best[1].weight, after_two[1].weight)


def test_schedule_warms_up_and_decays_to_zero() -> None:
    schedule = Schedule(passes=1, warmup_steps=10)
    assert schedule.factor(0, 110) == pytest.approx(0.1)
    assert schedule.factor(10, 110) == pytest.approx(1.0)
    assert schedule.factor(60, 110) == pytest.approx(0.5)
    assert schedule.factor(110, 110) == pytest.approx(0.0)
