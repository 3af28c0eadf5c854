"""Puts newly measured methods of explanation into figures that were measured before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.errors import InputError


def read_figures(file: Path | None, pairs: int, steps: int) -> dict[str, Any]:
    """Read figures of ``evaluate_explanations`` that are to be updated.

    Raises:
        InputError: there are none, or they were measured on other pairs or steps.
    """
    if file is None or not file.is_file():
        raise InputError("--update needs an --output that is there")
    before: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    for name, count in (("pairs", pairs), ("steps", steps)):
        if before[name] != count:
            raise InputError(f"{file} was measured with --{name} {before[name]}")
    return before


def check_apart(before: Mapping[str, Any], explains: Mapping[str, str | None]) -> None:
    """Check that methods can be measured without the default, with which those of its own score are compared.

    Args:
        before: figures of ``evaluate_explanations``.
        explains: for each method the matcher whose score it explains.

    Raises:
        InputError: one must be measured beside the default, or there is none to measure.
    """
    if not explains:
        raise InputError("--update needs --method")
    default = before["methods"][before["default"]]["explains"]
    if beside := [name for name, explained in explains.items() if explained == default]:
        raise InputError(f"{', '.join(beside)}: compared with {before['default']} pair by pair, so measure all anew")


def updated(before: Mapping[str, Any], now: Mapping[str, Any], methods: Sequence[str]) -> dict[str, Any]:
    """Return the figures from before with some of the methods as they are now.

    Args:
        before: figures of ``evaluate_explanations``.
        now: the same, of the same pairs.
        methods: names of those that are taken from now.
    """
    return {**before, "methods": {**before["methods"], **{name: now["methods"][name] for name in methods}}}
