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
        for layer in (self.layers[0], self.layers[3]):
            start_at_scale(layer)

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


def start_at_scale(layer: nn.Module) -> None:
    """Draw a linear layer's first weights so that ReLUs keep the scale of what they are given (He et al. 2015).

    Torch's own are smaller: behind four layers a sentence and an image would hardly be heard over the biases.
    """
    assert isinstance(layer, nn.Linear)  # noqa: S101 - what modules hold is typed as any module
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
