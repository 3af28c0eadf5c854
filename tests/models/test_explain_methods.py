"""Methods of explanation reach the models that they fit, and no others."""

from importlib import import_module

import pytest
from toy_explainer import ToyPairExplainer

from models.errors import ExplainMethodError, UnknownModelError
from models.explain.grad_cam import GradCam
from models.explain.methods import METHODS, Method, fitting_methods
from models.inference.execution import Execution
from models.library import InstalledModels
from models.shipped import encoder_cards

TABLE = (Method("toy-pair", "toy_explainer", frozenset({"linear_mapping"})), *METHODS)


def test_every_model_that_ships_can_be_explained_and_grad_cam_by_the_tower_that_its_module_loads() -> None:
    for card in encoder_cards():
        assert "grad-cam" in InstalledModels().explain_methods(card.name)
        assert callable(import_module(f"models.encoders.{card.architecture}").load_image_tower)
    assert InstalledModels().explain_methods("hf:some/checkpoint") == (
        "grad-cam", "legrad", "roll-out", "top-dimensions", "occlusion",
    )  # fmt: skip
    assert InstalledModels().explain_methods("semblance-base")[0] == "places"


def test_the_names_are_told_apart_and_each_module_builds_an_explainer() -> None:
    assert len({method.name for method in METHODS}) == len(METHODS)
    for method in METHODS:
        assert callable(import_module(method.module).load_explainer)


def test_methods_that_fit_are_listed_in_the_order_of_the_table() -> None:
    assert fitting_methods("linear_mapping", TABLE) == ("toy-pair", "grad-cam", "top-dimensions", "occlusion")
    assert fitting_methods("two_tower", TABLE) == ("places", "grad-cam", "top-dimensions", "excitation", "occlusion")
    assert fitting_methods("two_tower", TABLE, sentence=False) == ("places", "grad-cam", "top-dimensions", "occlusion")
    assert fitting_methods("unheard-of", TABLE) == ()


def test_the_method_that_was_asked_for_is_built_once_for_each_model() -> None:
    library = InstalledModels(Execution("torch"), None, TABLE)
    pair = library.explainer("linear-mapping", "toy-pair")
    assert isinstance(pair, ToyPairExplainer)
    assert library.explainer("linear-mapping", "toy-pair") is pair
    assert isinstance(library.explainer("linear-mapping", "grad-cam"), GradCam)


def test_a_method_that_does_not_fit_is_refused_with_those_that_do() -> None:
    library = InstalledModels(Execution("torch"), None, TABLE)
    for name in ("toy-pair", "guess", ""):
        with pytest.raises(
            ExplainMethodError,
            match=r"'semblance-base'.*there are: places, grad-cam, top-dimensions, excitation, occlusion\.",
        ):
            library.explainer("semblance-base", name)
    with pytest.raises(ExplainMethodError, match="there are: toy-pair, grad-cam, top-dimensions, occlusion"):
        library.explainer("linear-mapping", "guess")


def test_an_unknown_model_is_named_before_any_method() -> None:
    for ask in (InstalledModels().explain_methods, lambda model: InstalledModels().explainer(model, "grad-cam")):
        with pytest.raises(UnknownModelError, match="no-such-model"):
            ask("no-such-model")
