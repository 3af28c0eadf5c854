"""Standardises a backbone's features: each to mean 0 and standard deviation 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardised(nn.Module):
    """The first layer of heads over frozen features ``(..., F)``, ``(x - mean) / std``; heads are its subclasses.

    Args:
        features: F.
        noise: in training, standard deviation of Gaussian noise on the standardised features; besides several views
            of an image the only augmentation that frozen features get.
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
