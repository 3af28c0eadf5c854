"""Random views of photographs, made on the device that trains: crops, mirror images, other light."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_AREA = (0.35, 1.0)
"""Share of the photograph that a crop keeps."""
_ASPECT = (3 / 4, 4 / 3)
_LIGHT = (0.7, 1.3)
"""Factors of brightness, contrast and saturation; never of the hue, because captions name colours."""
_GREY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in what an eye sees as brightness (ITU-R BT.601)."""


def random_views(pixels: Tensor, size: int) -> Tensor:
    """Draw one view of each of ``(B, S, S, 3)`` uint8 photographs, ``(B, size, size, 3)`` uint8.

    A random crop (Szegedy et al. 2015) of 35 to 100 % of the area, by halves mirrored, in random light.
    """
    count = len(pixels)
    area, aspect = _draw(count, *_AREA, like=pixels), _draw(count, *_ASPECT, like=pixels)
    height, width = (area / aspect).sqrt().clamp(max=1), (area * aspect).sqrt().clamp(max=1)
    mirrored = torch.randint(0, 2, (count,), device=pixels.device) * 2 - 1
    across, down = ((1 - share) * _draw(count, -1, 1, like=pixels) for share in (width, height))
    nothing = torch.zeros_like(width)
    # rows of an affine map from the view's coordinates, -1 to 1, to the photograph's
    maps = torch.stack(
        [torch.stack([width * mirrored, nothing, across], 1), torch.stack([nothing, height, down], 1)], 1
    )
    grid = F.affine_grid(maps, [count, 3, size, size], align_corners=False)
    views = F.grid_sample(pixels.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False)
    return _in_other_light(views).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def _in_other_light(views: Tensor) -> Tensor:
    count = len(views)
    brightness, contrast, saturation = (_draw(count, *_LIGHT, like=views)[:, None, None, None] for _ in range(3))
    views = views * brightness
    weights = torch.tensor(_GREY, device=views.device)[None, :, None, None]
    grey = (views * weights).sum(dim=1, keepdim=True)
    views = torch.lerp(grey.mean(dim=(2, 3), keepdim=True), views, contrast)
    return torch.lerp((views * weights).sum(dim=1, keepdim=True), views, saturation)


def _draw(count: int, low: float, high: float, like: Tensor) -> Tensor:
    return torch.empty(count, device=like.device).uniform_(low, high)
