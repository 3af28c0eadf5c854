"""A backbone's features, each brought to mean 0 and standard deviation 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardised(nn.Module):
    """Begins with ``(x - mean) / std`` of frozen features ``(..., F)``; a head is a subclass that goes on from there.

    Args:
        features: F.
        noise: standard deviation of the Gaussian noise on the standardised features in training; beside views the
            frozen features' only augmentation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, features: int, noise: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.noise = noise

    def standardise_to(self, features: Tensor) -> None:
        """Set mean and standard deviation from a sample of features ``(N, F)``."""
        self.mean.copy_(features.mean(dim=0))
        self.std.copy_(features.std(dim=0).clamp(min=1e-4))

    def standardised(self, features: Tensor) -> Tensor:
        """Standardise."""
        x = (features - self.mean) / self.std
        return x + self.noise * torch.randn_like(x) if self.training and self.noise else x
