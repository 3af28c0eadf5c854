"""Frozen backbones: networks whose feature map of a photograph several models share."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.lite_pair import FEATURES, INPUT, LitePair
from models.cards import EncoderCard, Preprocessing
from models.checkpoint import load_part
from models.inference.graph import Graph

IMAGENET_LITE = "imagenet-lite"
"""The frozen backbone that ships: Lite0 and Lite2 with their ImageNet weights."""

SIDE = 7
"""Rows, and columns, of its feature map."""


class Backbone(Protocol):
    """A frozen network (an ``nn.Module``) from pixels to one feature map.

    Attributes:
        preprocessing: how a photograph becomes its input.
        channels: C of its feature map.
    """

    preprocessing: Preprocessing
    channels: int

    def __call__(self, pixels: Tensor) -> Tensor:
        """Map ``(B, S, S, 3)`` uint8 to ``(B, C, h, w)``."""
        ...


class ImageNetLite(LitePair):
    """Both backbones' maps, pooled to the coarser one's 7 x 7 places and concatenated: ``(B, 2560, 7, 7)``."""

    preprocessing = INPUT
    channels = FEATURES

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute the feature map."""
        return torch.cat([F.adaptive_avg_pool2d(feature_map, SIDE) for feature_map in self.maps(pixels)], dim=1)


class FrozenTower(nn.Module):
    """A frozen backbone and a head that reads its feature map; what a runtime compiles, and what Grad-CAM explains."""

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, pixels: Tensor) -> Tensor:
        """Map ``(B, S, S, 3)`` uint8 to what the head gives of ``(B, C, h, w)``."""
        return self.head(self.backbone(pixels))  # type: ignore[no-any-return]

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Run on pixels; also return the feature map as a leaf that gradients reach."""
        with torch.no_grad():
            feature_map = self.backbone(pixels)
        leaf = feature_map.requires_grad_()
        return [leaf], self.head(leaf)


class MeanOverPlaces(nn.Module):
    """The head that averages a feature map over its places, ``(B, C, h, w)`` to ``(B, C)``."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """Average."""
        return feature_map.mean(dim=(2, 3))


def load_backbone(name: str = IMAGENET_LITE, expected_sha256: str | None = None) -> ImageNetLite:
    """Load a frozen backbone with the weights that ship, in evaluation mode and without gradients.

    Raises:
        UnknownModelError: no such backbone.
        CheckpointError: missing, damaged, or other weights than expected.
    """
    backbone = ImageNetLite()
    backbone.load_state_dict(load_part(name, expected_sha256))
    return backbone.eval().requires_grad_(False)


def mean_graph(name: str, expected_sha256: str) -> Graph:
    """Return a frozen backbone's mean over places, ``(B, S, S, 3)`` uint8 to ``(B, C)``; see ``load_backbone``."""
    backbone = load_backbone(name, expected_sha256)
    return _graph(FrozenTower(backbone, MeanOverPlaces()).eval(), backbone.preprocessing.size)


def map_graph(backbone: ImageNetLite) -> Graph:
    """Return a frozen backbone's feature map, ``(B, S, S, 3)`` uint8 to ``(B, C * h * w)``."""
    return _graph(FrozenTower(backbone, nn.Flatten()).eval(), backbone.preprocessing.size)


def mean_tower(card: EncoderCard, head: nn.Module, backbone: Backbone | None = None) -> FrozenTower:
    """Put a head of ``(B, C)`` on a backbone's mean over places; by default on the frozen pair that a card names."""
    backbone = backbone or load_backbone(IMAGENET_LITE, card.parts.get(IMAGENET_LITE))
    return FrozenTower(backbone, nn.Sequential(MeanOverPlaces(), head)).eval()


def mean_tower_graph(card: EncoderCard, head: nn.Module, backbone: Backbone | None = None) -> Graph:
    """Return ``mean_tower`` as a graph."""
    return _graph(mean_tower(card, head, backbone), card.preprocessing.size)


def _graph(tower: FrozenTower, side: int) -> Graph:
    return Graph(tower, [torch.zeros(1, side, side, 3, dtype=torch.uint8)], [(0,)])
