"""The figure that chooses between the passes of most trainings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from models.evaluation.retrieval import retrieval_ranks


def mean_recall(images: Tensor, captions: Tensor, image_of_caption: Sequence[int]) -> float:
    """Return the mean of R@1, R@5 and R@10, both ways, by inner products of ``(N, D)`` and ``(M, D)``, in 0..1."""
    summaries = retrieval_ranks(images.numpy(), captions.numpy(), image_of_caption)
    return float(np.mean([recall for summary in summaries for recall in summary.recall.values()]))
