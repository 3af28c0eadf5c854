"""A method that explains a matcher's score is measured anew without the others, on the same pairs only."""

from typing import Any

import pytest

from lab.evaluation.explain.update import updated
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


def test_other_pairs_are_refused() -> None:
    with pytest.raises(InputError, match="of 300 pairs, these of 100"):
        updated(BEFORE, _figures(100, excitation=("lstm-similarity", 20)), ["excitation"])


def test_what_is_compared_with_the_default_is_refused() -> None:
    with pytest.raises(InputError, match="random: compared with places"):
        updated(BEFORE, _figures(random=(None, 30)), ["random"])
