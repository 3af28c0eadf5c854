"""Choices of a recipe that a command changes: ``semblance train MODEL --set margin=0.3``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from models.errors import InputError

R = TypeVar("R")


def read_choices(settings: Sequence[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE``s; a value is JSON (``0.3``, ``null``, ``["lite0"]``), or else a word.

    Raises:
        InputError: one that has no name or no value.
    """
    choices = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (name and equals and value):
            raise InputError(f"a choice is NAME=VALUE, such as margin=0.3, and not {setting!r}")
        try:
            choices[name] = json.loads(value)
        except ValueError:
            choices[name] = value
    return choices


def with_choices(recipe: R, choices: Mapping[str, Any], *also: Any) -> R:
    """Return a recipe, a dataclass, with some of its choices changed.

    Args:
        recipe: the choices that made the shipped weights.
        choices: by name; those of the other recipes are passed over.
        also: other recipes of the same model.

    Raises:
        InputError: no recipe of the model has a choice of that name, or it cannot have that value.
    """
    own = _names(recipe)
    known = own | {name for other in also for name in _names(other)}
    if unknown := choices.keys() - known:
        raise InputError(f"the recipe has no {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}")
    changed = {name: value for name, value in choices.items() if name in own}
    if not changed:
        return recipe
    try:
        return TypeAdapter(type(recipe)).validate_python(asdict(recipe) | changed)  # type: ignore[call-overload]
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InputError(f"the recipe cannot have that: {told}") from None


def _names(recipe: Any) -> set[str]:
    return {field.name for field in fields(recipe)}
