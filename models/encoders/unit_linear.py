"""Linear maps of frozen features onto the unit sphere."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.standardised import Standardised


class Standardise(Standardised):
    """The standardisation alone."""

    def forward(self, features: Tensor) -> Tensor:
        """Standardise."""
        return self.standardised(features)


class UnitLinear(nn.Module):
    """``unit(W (x - mean) / std)``: ``(B, F)`` frozen features to ``(B, D)`` unit vectors.

    W is initialised as by Glorot and Bengio 2010.

    Args:
        features: F.
        dimension: D.
        noise: see ``Standardised``.
    """

    def __init__(self, features: int, dimension: int, noise: float = 0.0) -> None:
        super().__init__()
        self.standardise = Standardise(features, noise)
        self.map = nn.Linear(features, dimension, bias=False)
        nn.init.xavier_uniform_(self.map.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Embed features."""
        return F.normalize(self.linear(features), dim=1)

    def linear(self, features: Tensor) -> Tensor:
        """Return the same before it is normalised."""
        return self.map(self.standardise(features))  # type: ignore[no-any-return]
