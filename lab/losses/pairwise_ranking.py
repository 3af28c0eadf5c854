"""Pairwise ranking loss: a pair scores higher than its parts do with others, by a margin."""

from __future__ import annotations

import torch
from torch import Tensor


def pairwise_ranking(
    own: Tensor, sentences: Tensor, images: Tensor, margin: float, temperature: float | None = None
) -> Tensor:
    r"""Compare pairs with given negatives, both ways.

    ``L = Σ_k w_k max(0, m - s(x, y) + s(x, y_k)) + Σ_k v_k max(0, m - s(x, y) + s(x_k, y))``, the mean of B pairs,
    where s is the score of an image x and a sentence y, larger for what belongs together. All weights w and v are 1 in
    Kiros et al. 2014, "Unifying Visual-Semantic Embeddings with Multimodal Neural Language Models", and in Yu et al.
    2017, "Learning a Limited Text Space for Cross-Media Retrieval", equation 6, which writes distances.

    With a temperature τ, ``w_k = exp(s(x, y_k) / τ) / Σ_j exp(s(x, y_j) / τ)``, and v likewise: between the mean of all
    negatives (a large τ) and the hardest one alone (τ towards 0: Faghri et al. 2018, "VSE++"). No gradient flows
    through the weights.

    Args:
        own: ``(B,)`` scores of the pairs.
        sentences: ``(B, K)`` scores of each pair's image with K sentences of others.
        images: ``(B, K)`` scores of each pair's sentence with K images of others.
        margin: m.
        temperature: τ; none is the plain sum.
    """

    def one_way(others: Tensor) -> Tensor:
        hinges = (margin - own.unsqueeze(1) + others).relu()
        if temperature is None:
            return hinges.sum(dim=1)
        return (hinges * (others.detach() / temperature).softmax(dim=1)).sum(dim=1)

    return (one_way(sentences) + one_way(images)).mean()


def pairwise_ranking_in_batch(scores: Tensor, margin: float, temperature: float | None = None) -> Tensor:
    """Compare the pairs of a batch of different images with all others of the batch: K is ``B - 1``.

    Args:
        scores: ``(B, B)`` of images (rows) with sentences (columns), the pairs on the diagonal.
        margin: as above.
        temperature: as above.
    """
    others = ~torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    sentences, images = (way[others].reshape(len(scores), -1) for way in (scores, scores.T))
    return pairwise_ranking(scores.diagonal(), sentences, images, margin, temperature)
