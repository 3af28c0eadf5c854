"""Grad-CAM: which places of the feature map a score comes from.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017. The
score explained is the inner product of the image's vector with a query's vector.
"""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.types import Pixels, Vectors


class ExplainableTower(Protocol):
    """An image tower that can say which feature maps its embedding comes from."""

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Embed ``(B, S, S, 3)`` uint8 pixels.

        Returns:
            The feature maps ``(B, C, h, w)`` of one or more backbones, as leaves that gradients reach, and the
            ``(B, D)`` unit vectors computed from them.
        """
        ...


class GradCam:
    """Explains one image at a time; calls from several threads wait for one another."""

    method = "grad-cam"

    def __init__(self, tower: ExplainableTower, *, device: str = "cpu") -> None:
        self._tower, self._device = tower, torch.device(device)
        if isinstance(tower, torch.nn.Module):
            tower.requires_grad_(False).to(self._device)
        self._lock = threading.Lock()

    def heat_map(self, prepared: Pixels, query: Vectors) -> NDArray[np.float32]:
        """Explain the score of one image ``(S, S, 3)`` for one query ``(D,)``, as ``(rows, columns)`` in 0..1."""
        pixels = torch.from_numpy(np.ascontiguousarray(prepared)[None]).to(self._device)
        target = torch.from_numpy(query).to(self._device)
        with self._lock, torch.enable_grad():
            maps, vectors = self._tower.trace(pixels)
            gradients = torch.autograd.grad(vectors[0] @ target, maps)
        return combine_maps([m.detach()[0] for m in maps], [g[0] for g in gradients]).cpu().numpy()


def combine_maps(maps: list[Tensor], gradients: list[Tensor]) -> Tensor:
    """Weight each channel by its mean gradient, sum, keep what speaks for the score, scale to 0..1.

    ``L = ReLU(Σ_c mean(∂s/∂A_c) · A_c)``; of several backbones the sums, each its share of the score, are added at the
    finest grid.

    Args:
        maps: ``(C, h, w)`` each.
        gradients: of the score, the same shapes.
    """
    rows, columns = (max(m.shape[axis] for m in maps) for axis in (1, 2))
    total = torch.zeros(rows, columns, device=maps[0].device)
    for feature_map, gradient in zip(maps, gradients, strict=True):
        weights = gradient.mean(dim=(1, 2), keepdim=True)
        share = (weights * feature_map).sum(dim=0) * feature_map[0].numel() / total.numel()
        total += F.interpolate(share[None, None], size=(rows, columns), mode="bilinear", align_corners=False)[0, 0]
    positive = total.relu()
    peak = positive.max()
    return positive / peak if peak > 0 else positive
