"""The trained projection of a backbone's features onto the shared unit sphere."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.standardised import Standardised


class ResidualHead(Standardised):
    """Standardise, project, refine by a residual MLP, normalise: ``(B, F)`` to ``(B, D)`` unit vectors.

    ``y = unit(p + MLP(LayerNorm(p)))`` with ``p = P (x - mean) / std``.

    Args:
        inputs: F, features of the backbone.
        dimension: D, of the shared space.
        hidden: width of the MLP.
        dropout: share of hidden units dropped in training.
        noise: see ``Standardised``.
    """

    def __init__(self, inputs: int, dimension: int, hidden: int, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__(inputs, noise)
        self.project = nn.Linear(inputs, dimension)
        self.refine = nn.Sequential(
            nn.LayerNorm(dimension),
            nn.Linear(dimension, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dimension),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Embed features."""
        return self.refined(self.project(self.standardised(features)))

    def refined(self, projected: Tensor) -> Tensor:
        """Embed features that are projected already, ``(B, D)``: all but the linear part."""
        return F.normalize(projected + self.refine(projected), dim=-1)
