"""Contrastive loss where several images share a word."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def shared_positives(images: Tensor, words: Tensor, present: Tensor, scale: Tensor) -> Tensor:
    r"""Each word must pick out all images whose captions have it, and each image all its words.

    ``L = (KL(P_w || softmax(s·W·Vᵀ)) + KL(P_v || softmax(s·V·Wᵀ))) / 2`` up to a constant, where a target distribution
    is uniform over the positives (Khosla et al. 2020, "Supervised Contrastive Learning", equation 2).

    Args:
        images: ``(B, D)`` unit vectors.
        words: ``(K, D)`` unit vectors, each of a word of at least one image.
        present: ``(B, K)`` bool, whether a caption of the image has the word; images without any are left out.
        scale: s, the inverse temperature.
    """
    logits = scale * images @ words.T
    targets = present.to(logits.dtype)
    named = present.any(dim=1)
    return (_spread(logits.T, targets.T) + _spread(logits[named], targets[named])) / 2


def _spread(logits: Tensor, targets: Tensor) -> Tensor:
    shares = targets / targets.sum(dim=1, keepdim=True)
    return -(F.log_softmax(logits, dim=1) * shares).sum(dim=1).mean()
