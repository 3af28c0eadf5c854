"""Penalty that spreads a captioner's attention over all of a photograph."""

from __future__ import annotations

from torch import Tensor


def doubly_stochastic_penalty(looks: Tensor, mask: Tensor) -> Tensor:
    r"""Return the penalty for places whose attention over a sentence does not sum to 1 (Xu et al., ICML 2015).

    .. math:: \frac{1}{B L} \sum_b \sum_i \Bigl(1 - \sum_t \alpha_{bti}\Bigr)^2

    The weights of a word sum to 1 over the places; this demands the same of a place over the words. The paper sums over
    the places; the mean makes the penalty independent of their number.

    Args:
        looks: the attention weights :math:`\alpha` of L places for each of T words, ``(B, T, L)``.
        mask: ``(B, T)``, 0 behind a sentence's end.
    """
    return (1 - (looks * mask.unsqueeze(2)).sum(dim=1)).square().mean()
