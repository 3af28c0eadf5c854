"""Pairwise ranking loss on a matrix of scores, for models that score a pair by more than an inner product."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ScoreRanking(nn.Module):
    r"""A pair must score higher, by a margin, than its image with another sentence and its sentence with another image.

    .. math:: L = \frac{1}{2B} \sum_i \Big( \operatorname*{top}_{j \ne i} [m - s_{ii} + s_{ij}]_+
        + \operatorname*{top}_{j \ne i} [m - s_{ii} + s_{ji}]_+ \Big)

    where *top* is the mean of the ``hardest`` largest: with 1 the hardest negative of the batch alone (Faghri et al.
    2018, "VSE++"), with B - 1 the loss of Ma et al. 2015, "Multimodal Convolutional Neural Networks for Matching Image
    and Sentence", equation 8, over all negatives of the batch and both ways.

    Args:
        margin: m.
        hardest: how many negatives of a row or column count.
    """

    def __init__(self, margin: float, hardest: int) -> None:
        super().__init__()
        self.margin, self.hardest = margin, hardest

    def forward(self, scores: Tensor) -> Tensor:
        """Compare ``(B, B)`` scores, sentences by images, the pairs on the diagonal."""
        own = scores.diagonal()
        itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        return (self._violation(scores, own, itself) + self._violation(scores.T, own, itself)) / 2

    def _violation(self, scores: Tensor, own: Tensor, itself: Tensor) -> Tensor:
        violations = (self.margin - own[:, None] + scores).clamp(min=0).masked_fill(itself, 0)
        return violations.topk(min(self.hardest, len(scores) - 1), dim=1).values.mean()
