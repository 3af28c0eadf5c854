"""Linear maps of frozen features onto the unit sphere."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Standardise(nn.Module):
    """``(x - mean) / std`` of each feature, ``(B, F)``; in training with Gaussian noise.

    Args:
        features: F.
        noise: its standard deviation, in standard deviations of the features; their only augmentation beside views.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, features: int, noise: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.noise = noise

    def fit(self, features: Tensor) -> None:
        """Set mean and standard deviation from a sample ``(N, F)``."""
        self.mean.copy_(features.mean(dim=0))
        self.std.copy_(features.std(dim=0).clamp(min=1e-4))

    def forward(self, features: Tensor) -> Tensor:
        """Standardise."""
        x = (features - self.mean) / self.std
        return x + self.noise * torch.randn_like(x) if self.training and self.noise else x


class UnitLinear(nn.Module):
    """``unit(W (x - mean) / std)``: ``(B, F)`` frozen features to ``(B, D)`` unit vectors; W starts as Xavier's.

    Args:
        features: F.
        dimension: D.
        noise: see ``Standardise``.
    """

    def __init__(self, features: int, dimension: int, noise: float = 0.0) -> None:
        super().__init__()
        self.standardise = Standardise(features, noise)
        self.map = nn.Linear(features, dimension, bias=False)
        nn.init.xavier_uniform_(self.map.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Embed features."""
        return F.normalize(self.map(self.standardise(features)), dim=1)


class MeanOverPlaces(nn.Module):
    """A feature map ``(B, C, h, w)`` to the image vector ``(B, C)``."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """Average."""
        return feature_map.mean(dim=(2, 3))
