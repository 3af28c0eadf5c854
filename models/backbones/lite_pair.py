"""Two EfficientNet-Lites on one picture, Lite0 at 224 and Lite2 at 260 pixels; they make different errors.

With ImageNet weights it is the frozen backbone of the models that reproduce published systems (``docs/systems.md``);
``semblance-base`` fine-tunes a copy.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.efficientnet_lite import CHANNELS, MEAN, STD, EfficientNetLite
from models.cards import Preprocessing

INPUT = Preprocessing(size=260, fit="squash", resample="bicubic", mean=MEAN, std=STD)
"""The smaller backbone's 224 pixels are made from these inside the network."""

BACKBONES = {"lite0": 224, "lite2": 260}
"""Side of each backbone's input, in pixels."""
FEATURES = CHANNELS * len(BACKBONES)


class LitePair(nn.Module):
    """``(B, 260, 260, 3)`` uint8 pixels to feature maps."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.backbones = nn.ModuleDict({name: EfficientNetLite(name) for name in BACKBONES})
        self.register_buffer("mean", torch.tensor(INPUT.mean).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(INPUT.std).reshape(1, 3, 1, 1), persistent=False)

    def inputs(self, pixels: Tensor) -> list[Tensor]:
        """Normalise pixels and scale them to each backbone's input, ``(B, 3, S, S)``."""
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        return [_resize(x, size) for size in BACKBONES.values()]

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Compute each backbone's feature map, ``(B, 1280, h, w)``."""
        return [backbone(x) for backbone, x in zip(self.backbones.values(), self.inputs(pixels), strict=True)]

    def pool(self, maps: list[Tensor]) -> Tensor:
        """Average each map over its places and concatenate the means: ``(B, 2560)``."""
        return torch.cat([feature_map.mean(dim=(2, 3)) for feature_map in maps], dim=1)


def _resize(x: Tensor, size: int) -> Tensor:
    if x.shape[-1] == size:
        return x
    return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
