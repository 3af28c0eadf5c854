"""Centre loss: vectors of one identity gather around its centre."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CentreLoss(nn.Module):
    r"""Half the squared distances to centres that follow the vectors.

    .. math:: L = \frac{1}{2} \sum_{i=1}^{m} \lVert x_i - c_{y_i} \rVert_2^2

    Y. Wen et al., "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016. Centres learn by
    no gradient but by their update: in a batch, centre j moves by

    .. math:: c_j \leftarrow c_j - \alpha \frac{\sum_i [y_i = j] (c_j - x_i)}{1 + \sum_i [y_i = j]}

    Args:
        identities: number of centres; they start at zero.
        dimension: of the vectors.
        rate: alpha.
    """

    centres: Tensor

    def __init__(self, identities: int, dimension: int, rate: float = 0.5) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(identities, dimension))
        self._rate = rate

    def forward(self, vectors: Tensor, identities: Tensor) -> Tensor:
        """Return the loss of ``(B, D)`` vectors of the identities ``(B,)``, with ``x_i - c`` as gradient of each x_i.

        In training the centres then move.
        """
        centres = self.centres[identities]  # a copy, which the update below does not touch
        loss = (vectors - centres).square().sum() / 2
        if self.training:
            self._follow(vectors.detach(), identities)
        return loss

    @torch.no_grad()
    def _follow(self, vectors: Tensor, identities: Tensor) -> None:
        seen, place, counts = torch.unique(identities, return_inverse=True, return_counts=True)
        centres = self.centres[seen]
        sums = torch.zeros_like(centres).index_add_(0, place, vectors)
        counted = counts[:, None]
        self.centres[seen] = centres - self._rate * (counted * centres - sums) / (1 + counted)
