"""Symmetric contrastive loss over a batch of pairs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class InfoNCE(nn.Module):
    """Each image must pick its own sentence out of the batch, and each sentence its image.

    ``L = (CE(s·V·Tᵀ, I) + CE(s·T·Vᵀ, I)) / 2`` with a learned scale ``s``, held at most 100
    (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision").

    Args:
        temperature: the inverse of the first scale.
        max_scale: of the scale.
        smoothing: share of a target that all of the batch have in equal parts (Szegedy et al. 2016).
    """

    def __init__(self, temperature: float = 0.07, max_scale: float = 100.0, smoothing: float = 0.0) -> None:
        super().__init__()
        self._smoothing = smoothing
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)))
        self._max_log_scale = math.log(max_scale)

    @property
    def scale(self) -> Tensor:
        """The inverse temperature, as it is."""
        return self.log_scale.clamp(max=self._max_log_scale).exp()

    def forward(self, images: Tensor, texts: Tensor) -> Tensor:
        """Compare ``(B, D)`` image vectors with the ``(B, D)`` vectors of their sentences."""
        return self.of_scores(images @ texts.T)

    def of_scores(self, scores: Tensor) -> Tensor:
        """Compare ``(B, B)`` scores of any other kind, the pairs on the diagonal."""
        logits = self.scale * scores
        own = torch.arange(len(logits), device=logits.device)
        one_way, other_way = (F.cross_entropy(x, own, label_smoothing=self._smoothing) for x in (logits, logits.T))
        return (one_way + other_way) / 2
