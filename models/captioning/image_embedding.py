"""An image as a captioner's first word."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImageEmbedding(nn.Module):
    """Standardise a frozen backbone's features and project them, ``(..., C)`` to ``(..., D)``.

    ``y = W (x - mean) / std + b``.

    Args:
        channels: C, of the backbone.
        dimension: D, of the captioner's words.
        noise: standard deviation of the Gaussian noise on the standardised features in training.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, dimension: int, noise: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.project = nn.Linear(channels, dimension)
        self.noise = noise

    def standardise_to(self, features: Tensor) -> None:
        """Set mean and standard deviation from a sample of features ``(N, C)``."""
        self.mean.copy_(features.mean(dim=0))
        self.std.copy_(features.std(dim=0).clamp(min=1e-4))

    def forward(self, features: Tensor) -> Tensor:
        """Embed features."""
        x = (features - self.mean) / self.std
        if self.training and self.noise:
            x = x + self.noise * torch.randn_like(x)
        return self.project(x)  # type: ignore[no-any-return]
