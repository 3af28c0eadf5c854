"""A method that explains a matcher's score is measured anew without the others, on the same pairs only."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.evaluation.explain.update import check_apart, read_figures, updated
from models.errors import InputError


def _figures(pairs: int = 300, **methods: tuple[str | None, int]) -> dict[str, Any]:
    return {
        "default": "places", "pairs": pairs, "steps": 8, "comparisons": {"grad-cam": 1},
        "methods": {name: {"explains": explains, "figure": figure} for name, (explains, figure) in methods.items()},
    }  # fmt: skip


BEFORE = _figures(places=(None, 1), excitation=("lstm-similarity", 2), random=(None, 3))


def test_only_the_methods_that_are_named_are_new() -> None:
    now = _figures(excitation=("lstm-similarity", 20), random=(None, 30))
    assert updated(BEFORE, now, ["excitation"]) == _figures(
        places=(None, 1), excitation=("lstm-similarity", 20), random=(None, 3)
    )


@pytest.mark.parametrize(("pairs", "steps", "told"), [(100, 8, "--pairs 300"), (300, 16, "--steps 8")])
def test_figures_of_other_pairs_or_steps_are_refused_before_any_are_measured(
    tmp_path: Path, pairs: int, steps: int, told: str
) -> None:
    file = tmp_path / "explain.json"
    file.write_text(json.dumps(BEFORE))
    assert read_figures(file, 300, 8) == BEFORE
    with pytest.raises(InputError, match=told):
        read_figures(file, pairs, steps)


def test_there_must_be_figures_to_update(tmp_path: Path) -> None:
    for file in (None, tmp_path / "none.json"):
        with pytest.raises(InputError, match="needs an --output that is there"):
            read_figures(file, 300, 8)


def test_what_is_compared_with_the_default_is_refused() -> None:
    check_apart(BEFORE, {"excitation": "lstm-similarity"})
    with pytest.raises(InputError, match="random: compared with places"):
        check_apart(BEFORE, {"excitation": "lstm-similarity", "random": None})
    with pytest.raises(InputError, match="needs --method"):
        check_apart(BEFORE, {})
