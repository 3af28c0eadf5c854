"""The trained part that brings a backbone's features onto the shared unit sphere."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResidualHead(nn.Module):
    """Standardise, project, refine by a residual MLP, normalise: ``(B, F)`` to ``(B, D)`` unit vectors.

    ``y = unit(p + MLP(LayerNorm(p)))`` with ``p = P (x - mean) / std``.

    Args:
        inputs: F, features of the backbone.
        dimension: D, of the shared space.
        hidden: width of the MLP.
        dropout: share of hidden units dropped in training.
        noise: standard deviation of the Gaussian noise on the standardised features in training; the frozen features'
            only augmentation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, inputs: int, dimension: int, hidden: int, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("std", torch.ones(inputs))
        self.project = nn.Linear(inputs, dimension)
        self.refine = nn.Sequential(
            nn.LayerNorm(dimension),
            nn.Linear(dimension, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dimension),
        )
        self.noise = noise

    def standardise_to(self, features: Tensor) -> None:
        """Set mean and standard deviation from a sample of features ``(N, F)``."""
        self.mean.copy_(features.mean(dim=0))
        self.std.copy_(features.std(dim=0).clamp(min=1e-4))

    def forward(self, features: Tensor) -> Tensor:
        """Embed features."""
        x = (features - self.mean) / self.std
        if self.training and self.noise:
            x = x + self.noise * torch.randn_like(x)
        projected = self.project(x)
        return F.normalize(projected + self.refine(projected), dim=-1)
