"""The methods that are measured, each as it is and with a model whose last block knows nothing any more.

Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018: a map that stays when the weights are drawn anew was
never about the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lab.evaluation.explain.controls import CentreMap, RandomMap
from models.errors import ExplainMethodError
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.library import InstalledModels
from models.protocols import Explainer

if TYPE_CHECKING:
    from models.explain.source import ExplainableTower

CONTROLS = ("random", "centre")


@dataclass(frozen=True)
class Subject:
    """A method.

    Attributes:
        name: of it.
        explainer: it, with the model.
        randomised: loads it with a model whose last block was drawn anew; None where the model has no such block.
    """

    name: str
    explainer: Explainer
    randomised: Callable[[], Explainer] | None


def load_subjects(
    library: InstalledModels, model: str, methods: Sequence[str], execution: Execution, seed: int
) -> list[Subject]:
    """Load methods for a model, and the controls behind them.

    Args:
        library: of the model.
        model: name of a dual encoder.
        methods: to be measured; empty for all that fit.
        execution: how a model is run whose weights were drawn anew.
        seed: of that draw.

    Raises:
        ExplainMethodError: one does not fit the model.
    """
    fitting = library.explain_methods(model)
    for method in methods:
        if method not in fitting:
            raise ExplainMethodError(method, model, fitting)
    source = library.explainer_source(model)

    def tower() -> ExplainableTower:
        loaded: Any = source.load_image_tower()
        redraw_last_blocks(loaded, seed)
        return loaded  # type: ignore[no-any-return]

    def randomised(method: str) -> Explainer:
        other = replace(source, load_image_tower=tower, compiler=Compiler(execution))
        explainer: Explainer = import_module(library.explain_module(method)).load_explainer(other)
        return explainer

    measured = [
        Subject(name, library.explainer(model, name), lambda name=name: randomised(name))  # type: ignore[misc]
        for name in methods or fitting
    ]
    controls = [
        Subject("random", RandomMap(), lambda: RandomMap(seed + 1)),
        Subject("centre", CentreMap(), CentreMap),
    ]
    return [*measured, *controls]


def redraw_last_blocks(tower: nn.Module, seed: int) -> None:
    """Draw the weights of the last block of each backbone anew, from a normal of each array's own mean and spread."""
    generator = torch.Generator().manual_seed(seed)
    backbones = getattr(tower, "backbones", {"": getattr(tower, "backbone", tower)})
    for backbone in backbones.values():
        for block in (backbone.blocks[-1], backbone.head):
            for parameter in block.parameters():
                drawn = torch.randn(parameter.shape, generator=generator)
                spread = parameter.std(correction=0)
                parameter.data = drawn.to(parameter) * spread + parameter.mean()
