"""Puts newly measured methods of explanation into figures that were measured before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.errors import InputError


def updated(before: Mapping[str, Any], now: Mapping[str, Any], methods: list[str]) -> dict[str, Any]:
    """Return the figures from before with some of the methods as they are now.

    Args:
        before: figures of ``evaluate_explanations``.
        now: the same, of the same pairs.
        methods: names of those that are taken from now. They must explain another score than the default does, for
            with the default all others are compared pair by pair.

    Raises:
        InputError: they were measured on other pairs or steps, or must be measured beside the default.
    """
    for name in ("pairs", "steps"):
        if before[name] != now[name]:
            raise InputError(f"the figures to update are of {before[name]} {name}, these of {now[name]}")
    default = before["methods"][before["default"]]["explains"]
    if beside := [name for name in methods if now["methods"][name]["explains"] == default]:
        raise InputError(f"{', '.join(beside)}: compared with {before['default']} pair by pair, so measure all anew")
    return {**before, "methods": {**before["methods"], **{name: now["methods"][name] for name in methods}}}
