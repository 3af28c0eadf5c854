"""Pairwise ranking loss: a pair scores higher than its parts do with others, by a margin."""

from __future__ import annotations

import torch
from torch import Tensor


def pairwise_ranking(own: Tensor, sentences: Tensor, images: Tensor, margin: float) -> Tensor:
    r"""Compare pairs with given negatives, both ways.

    ``L = Σ_k max(0, m - s(x, y) + s(x, y_k)) + Σ_k max(0, m - s(x, y) + s(x_k, y))``, the mean of B pairs, where s is
    the score of an image x and a sentence y, larger for what belongs together (Kiros et al. 2014, "Unifying
    Visual-Semantic Embeddings with Multimodal Neural Language Models"; Yu et al. 2017, "Learning a Limited Text Space
    for Cross-Media Retrieval", equation 6, which writes distances).

    Args:
        own: ``(B,)`` scores of the pairs.
        sentences: ``(B, K)`` scores of each pair's image with K sentences of others.
        images: ``(B, K)`` scores of each pair's sentence with K images of others.
        margin: m.
    """
    others = torch.cat([sentences, images], dim=1)
    return (margin - own.unsqueeze(1) + others).relu().sum(dim=1).mean()


def pairwise_ranking_in_batch(scores: Tensor, margin: float) -> Tensor:
    """Compare the pairs of a batch of different images with all others of the batch: K is ``B - 1``.

    Args:
        scores: ``(B, B)`` of images (rows) with sentences (columns), the pairs on the diagonal.
        margin: as above.
    """
    others = ~torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    sentences, images = (way[others].reshape(len(scores), -1) for way in (scores, scores.T))
    return pairwise_ranking(scores.diagonal(), sentences, images, margin)
