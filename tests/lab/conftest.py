"""What every test of the laboratory may use."""

from pathlib import Path

import pytest

import lab.evaluation.commands.options


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for the commands of each test: nothing is taken from an earlier run."""
    monkeypatch.setattr(lab.evaluation.commands.options, "CACHE", tmp_path / "evaluation-cache")
    return tmp_path / "evaluation-cache"
