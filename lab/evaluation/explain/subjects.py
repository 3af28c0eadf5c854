"""The methods that are measured, each as it is and with a model whose last block knows nothing any more.

Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018: a map that stays when the weights are drawn anew was
never about the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from lab.evaluation.explain.controls import CentreMap, RandomMap
from models.errors import ExplainMethodError
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.library import InstalledModels
from models.protocols import Explainer, Matcher
from models.types import Pixels, Vectors

if TYPE_CHECKING:
    from models.backbones.frozen import ImageNetLite
    from models.explain.source import ExplainableTower

CONTROLS = ("random", "centre")


@dataclass(frozen=True)
class Subject:
    """A method.

    Attributes:
        name: of it.
        explainer: it, with the model.
        randomised: loads it with a model whose last block was drawn anew; None where the model has no such block.
        matcher: whose scores it explains; None where they are the encoder's.
    """

    name: str
    explainer: Explainer
    randomised: Callable[[], Explainer] | None
    matcher: Matcher | None = None

    @property
    def explains(self) -> str | None:
        """The name of the matcher."""
        return None if self.matcher is None else self.matcher.card.name


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

    def backbone(name: str, sha256: str) -> ImageNetLite:
        loaded = source.load_backbone(name, sha256)
        redraw_last_blocks(loaded, seed)
        return loaded

    def matcher(method: str) -> Matcher | None:
        explained = library.explained_matcher(method)
        return None if explained is None else library.matcher(explained)

    def randomised(method: str) -> Explainer:
        models: Any = _Redrawn(library, model, tower)
        other = replace(
            source, load_image_tower=tower, compiler=Compiler(execution), models=models, load_backbone=backbone
        )
        explainer: Explainer = import_module(library.explain_module(method)).load_explainer(other)
        return explainer

    measured = [
        Subject(name, library.explainer(model, name), lambda name=name: randomised(name), matcher(name))  # type: ignore[misc]
        for name in methods or fitting
    ]
    controls = [
        Subject("random", RandomMap(), lambda: RandomMap(seed + 1)),
        Subject("centre", CentreMap(), CentreMap),
    ]
    return [*measured, *controls]


class _Redrawn:
    """The library with one encoder's image tower drawn anew; an encoder of itself.

    Args:
        library: gives the rest.
        model: name of the encoder.
        load_tower: loads the image tower that was drawn anew.
    """

    def __init__(self, library: InstalledModels, model: str, load_tower: Callable[[], ExplainableTower]) -> None:
        self._library, self._model, self._load_tower = library, model, load_tower
        self.matcher, self.card = library.matcher, library.encoder(model).card

    def encoder(self, name: str, *, in_caller: bool = False) -> Any:
        return self if name == self._model else self._library.encoder(name, in_caller=in_caller)

    @cached_property
    def _tower(self) -> ExplainableTower:
        return self._load_tower()

    def encode_images(self, prepared: Pixels) -> Vectors:
        with torch.no_grad():
            return np.concatenate([self._tower.trace(torch.from_numpy(one[None]))[1].numpy() for one in prepared])


def redraw_last_blocks(tower: nn.Module, seed: int) -> None:
    """Draw the weights of the last block of each backbone anew, from a normal of each array's own mean and spread."""
    generator = torch.Generator().manual_seed(seed)
    for block in _last_blocks(tower):
        for parameter in block.parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            spread = parameter.std(correction=0)
            parameter.data = drawn.to(parameter) * spread + parameter.mean()


def _last_blocks(tower: Any) -> list[nn.Module]:
    """Return what is drawn anew: of convolutional backbones block and head, of a transformer the last layer."""
    if hasattr(tower, "model"):
        return [tower.model.vision_model.encoder.layers[-1]]
    backbone = getattr(tower, "backbone", tower)
    backbones = getattr(backbone, "backbones", {"": backbone})
    each = backbones.values() if hasattr(backbones, "values") else backbones
    return [block for one in each for block in (one.blocks[-1], one.head)]
