"""Triplet loss on inner products."""

from __future__ import annotations

from torch import Tensor


def triplet_loss(queries: Tensor, positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    r"""A query must score its positive higher than its negative, by the margin.

    .. math:: L = \frac{1}{2} \max(0, m - q^\top d^+ + q^\top d^-)

    averaged over the triplets. A. Gordo, D. Larlus, CVPR 2017: with image vectors on all three places it is their
    equation (1); with texts for positives and negatives (2); with texts for queries (3).

    Args:
        queries: ``(B, D)`` unit vectors.
        positives: ``(B, D)`` unit vectors.
        negatives: ``(B, D)`` unit vectors.
        margin: m.
    """
    return triplet_hinge((queries * positives).sum(dim=1), (queries * negatives).sum(dim=1), margin).mean()


def triplet_hinge(positive_scores: Tensor, negative_scores: Tensor, margin: float) -> Tensor:
    """Return the loss of each pair of scores; the shapes broadcast."""
    return (margin - positive_scores + negative_scores).clamp(min=0) / 2
