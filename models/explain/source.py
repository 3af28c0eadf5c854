"""What a method of explanation is built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from models.inference.compiler import Compiler
from models.protocols import ModelLibrary

if TYPE_CHECKING:
    from torch import Tensor

    from models.backbones.frozen import ImageNetLite


class ExplainableTower(Protocol):
    """An image tower that can say which feature maps its embedding comes from."""

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Embed ``(B, S, S, 3)`` uint8 pixels.

        Returns:
            The feature maps ``(B, C, h, w)`` of one or more backbones, as leaves that gradients reach, and the
            ``(B, D)`` unit vectors computed from them.
        """
        ...


def _frozen_backbone(name: str, sha256: str) -> ImageNetLite:
    from models.backbones.frozen import load_backbone

    return load_backbone(name, sha256)


@dataclass(frozen=True)
class ExplainerSource:
    """The model whose scores are explained; what a method does not ask for is not loaded.

    Attributes:
        model: name of the dual encoder.
        compiler: compiles graphs, for the device that the model runs on.
        blocks: of its vectors, see ``models.explain.blocks``; empty where they have one only.
        models: gives the encoder itself, and its matchers.
        load_image_tower: loads its image tower in torch, for methods that need gradients.
        load_backbone: loads a frozen backbone in torch by its name and hash, for methods that explain a matcher.
    """

    model: str
    compiler: Compiler
    models: ModelLibrary
    load_image_tower: Callable[[], ExplainableTower]
    blocks: tuple[int, ...] = ()
    load_backbone: Callable[[str, str], ImageNetLite] = _frozen_backbone
