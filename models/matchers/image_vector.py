"""The trained part that makes a small vector of what a frozen backbone says of a photograph."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImageVector(nn.Module):
    """Two fully connected layers: ``(B, F)`` features to ``(B, D)``; they stand for those of the documents' networks.

    ``v = B relu(A (x - mean) / std)``

    Args:
        inputs: F, features of the backbone.
        hidden: width of the layer between.
        dimension: D, of what is kept of an image.
        dropout: share of the hidden units dropped in training.
        noise: standard deviation of the Gaussian noise on the standardised features in training.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, inputs: int, hidden: int, dimension: int, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("std", torch.ones(inputs))
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, dimension)
        )
        self.noise = noise

    def standardise_to(self, features: Tensor) -> None:
        """Set mean and standard deviation from a sample of features ``(N, F)``."""
        self.mean.copy_(features.mean(dim=0))
        self.std.copy_(features.std(dim=0).clamp(min=1e-4))

    def forward(self, features: Tensor) -> Tensor:
        """Make vectors of features."""
        x = (features - self.mean) / self.std
        if self.training and self.noise:
            x = x + self.noise * torch.randn_like(x)
        vectors: Tensor = self.layers(x)
        return vectors
