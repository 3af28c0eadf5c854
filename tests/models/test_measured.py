"""What answers tell of how true a method is: only of the weights that it was measured with."""

from pathlib import Path
from typing import Any

import pytest

import models.explain.measured
from models.errors import CheckpointError
from models.explain.measured import FILE, measured, write_measured

FIGURES: dict[str, Any] = {
    "insertion": {"raw": 0.3, "normalised": 0.7},
    "deletion": {"raw": 0.1, "normalised": 0.4},
    "montage_2": {"mass": 0.9, "peak": 1.0},
    "montage_4": {"mass": 0.8, "peak": 1.0},
    "unrelated": {"told": 0.7, "falsely": 0.05},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models.explain.measured, "weights_folder", lambda _model: tmp_path)
    return tmp_path


def test_a_method_is_told_with_its_figures_on_each_set(folder: Path) -> None:
    write_measured(folder / FILE, "a" * 64, "first", {"places": FIGURES, "grad-cam": FIGURES})
    write_measured(folder / FILE, "a" * 64, "second", {"places": FIGURES})
    told = measured("model", "a" * 64, "places")
    assert told is not None
    assert list(told) == ["first", "second"]
    assert told["first"]["insertion_minus_deletion"] == 0.2
    assert told["first"]["mosaic"] == 0.8
    assert list(measured("model", "a" * 64, "grad-cam") or {}) == ["first"]
    assert measured("model", "a" * 64, "occlusion") is None


def test_figures_of_other_weights_are_neither_told_nor_kept(folder: Path) -> None:
    write_measured(folder / FILE, "a" * 64, "first", {"places": FIGURES})
    assert measured("model", "b" * 64, "places") is None
    write_measured(folder / FILE, "b" * 64, "second", {"places": FIGURES})
    assert list(measured("model", "b" * 64, "places") or {}) == ["second"]
    assert measured("model", "a" * 64, "places") is None


def test_a_model_that_was_not_measured_has_none(folder: Path) -> None:
    assert measured("model", "a" * 64, "places") is None


def test_a_damaged_file_is_named(folder: Path) -> None:
    (folder / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"explanations\.json.*measure again"):
        measured("model", "a" * 64, "places")
