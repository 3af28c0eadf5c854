"""Other choices of a recipe, as a command gives them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.training.choices import read_choices, with_choices
from lab.training.job import Job
from models.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """Of a kind of choice each."""

    margin: float = 0.2
    passes: int = 6
    names: tuple[str, ...] = ("lite0", "lite2")
    start_from: str | None = "show-and-tell"


@dataclass(frozen=True)
class Other:
    """Of the same model."""

    margin: float = 0.5
    depth: int = 3


def test_values_are_read_by_their_kind() -> None:
    choices = read_choices(["margin=0.3", "passes=2", 'names=["lite0"]', "start_from=null"])
    assert with_choices(Recipe(), choices) == Recipe(0.3, 2, ("lite0",), None)
    assert with_choices(Recipe(), read_choices(["start_from=vse"])).start_from == "vse"


def test_without_choices_the_recipe_stays() -> None:
    recipe = Recipe()
    assert with_choices(recipe, {}) is recipe


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("margin", "NAME=VALUE"),
        ("=3", "NAME=VALUE"),
        ("margins=3", r"has no margins; there are: margin, names, passes, start_from"),
        ("passes=0.5", "passes: .*integer"),
        ("margin=wide", "margin: .*number"),
    ],
)
def test_what_does_not_fit_is_told(setting: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        with_choices(Recipe(), read_choices([setting]))


def test_each_of_two_recipes_takes_its_own() -> None:
    choices = {"passes": 1, "depth": 2, "margin": 0.1}
    assert with_choices(Recipe(), choices, Other()) == Recipe(0.1, 1)
    assert with_choices(Other(), choices, Recipe()) == Other(0.1, 2)


def test_the_card_names_the_command_with_its_choices(tmp_path: Path) -> None:
    job = Job("semantic-v", tmp_path, tmp_path, tmp_path, reporter=None, choices={"margin": 0.3, "start_from": None})  # type: ignore[arg-type]
    recipe = job.recipe(Recipe())
    training = job.card(recipe)["training"]
    assert training["command"] == "semblance train semantic-v --set margin=0.3 --set start_from=null"
    assert training["margin"] == 0.3


def test_the_card_names_the_device_that_is_no_cpu(tmp_path: Path) -> None:
    job = Job("vse", tmp_path, tmp_path, tmp_path, None, {"margin": 0.3}, "cuda")  # type: ignore[arg-type]
    assert job.card(Recipe())["training"]["command"] == "semblance train vse --device cuda --set margin=0.3"
