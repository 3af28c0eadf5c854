"""The frozen EfficientNet-Lites on pictures of any shape, at several scales: the feature maps that R-MAC pools."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.efficientnet_lite import CHANNELS
from models.backbones.frozen import load_backbone
from models.imaging.transforms import inside_sides


class LiteMaps(nn.Module):
    """``(B, H, W, 3)`` uint8 pixels to the backbones' concatenated maps, ``(B, C, H/32, W/32)``.

    H and W are multiples of 32: then the padding of every convolution is the same for all shapes, and one traced
    network serves them all.

    Args:
        names: of the backbones.
        expected_sha256: of the shared weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, names: Sequence[str], expected_sha256: str | None = None) -> None:
        super().__init__()
        pair = load_backbone(expected_sha256=expected_sha256)
        self.backbones = nn.ModuleList(pair.backbones[name] for name in names)
        self.channels = CHANNELS * len(names)
        self.register_buffer("mean", pair.mean, persistent=False)
        self.register_buffer("std", pair.std, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute the feature map."""
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        return torch.cat([backbone(x) for backbone in self.backbones], dim=1)


def at_scale(pixels: Tensor, longer_side: int) -> Tensor:
    """Scale ``(B, H, W, 3)`` uint8 pixels to another longer side, both sides rounded to multiples of 32."""
    height, width = pixels.shape[1:3]
    size = inside_sides(height, width, longer_side)
    if size == (height, width):
        return pixels
    smooth = F.interpolate(
        pixels.permute(0, 3, 1, 2).float(), size=size, mode="bilinear", align_corners=False, antialias=True
    )
    return smooth.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
