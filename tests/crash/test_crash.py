"""Killed, out of space or without power at any moment: nothing is corrupt, nothing stuck, nothing promised is lost."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import Case, build_shim, interrupt

from benchmarks.crash import figures_of

PLAN = {"scenario": None, "modes": [], "every": 1, "first": 1, "cuts": 0, "fault": None}


@pytest.fixture(scope="module")
def shim(tmp_path_factory) -> Path:
    library = build_shim(tmp_path_factory.mktemp("shim"))
    if library is None:
        pytest.skip("needs a C compiler: cc, or the one that CC names")
    return library


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    """An empty folder, in memory where there is such a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


def run(shim: Path, folder: Path, **plan: object) -> list[Case]:
    return list(interrupt(shim, folder, PLAN | plan))


def test_interrupted_here_and_there_everything_goes_on(shim, folder):
    """``make test-crash`` interrupts everywhere."""
    cases = run(shim, folder, modes=["within", "ENOSPC", "EIO"], every=120, first=60, cuts=2)
    assert [case for case in cases if case.outcome] == []
    modes = Counter(case.mode for case in cases)
    assert min(modes[mode] for mode in ("within", "ENOSPC", "EIO", "power", "power, some of it written")) >= 7


def test_at_every_call_of_a_rollback_it_is_the_one_generation_or_the_other(shim, folder):
    cases = run(shim, folder, scenario="rollback", modes=["before", "within", "after", "ENOSPC", "EIO"], cuts=9)
    assert [case for case in cases if case.outcome] == []


def test_a_file_that_is_written_over_is_found(shim, folder):
    cases = run(shim, folder, scenario="rollback", modes=["within"], fault="write over")
    assert any(case.outcome.startswith("corrupt") for case in cases)


def test_a_missing_fsync_is_found(shim, folder):
    cases = run(shim, folder, scenario="rollback", cuts=2, fault="no fsync")
    assert any(case.outcome.startswith(("lost", "corrupt")) for case in cases)


def test_what_went_wrong_is_counted_by_scenario_and_kind():
    cases = [
        Case("update", "before", 1, ""),
        Case("update", "after", 1, "lost: the next run answers otherwise"),
        Case("update", "power", 2, ""),
        Case("import", "EIO", 3, "wedged: a trace"),
    ]
    assert [(figure.name.partition(":")[0], figure.value, figure.met, figure.note) for figure in figures_of(cases)] == [
        ("update, killed before, in or after a call", 1, "no", "2 cases at 1 calls, 1 lost"),
        ("update, power cut", 0, "yes", "1 cases at 1 calls"),
        ("import, a call that fails", 1, "no", "1 cases at 1 calls, 1 wedged"),
    ]
