"""The figure on dev by which most trainings choose their best pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lab.evaluation.retrieval import retrieval_ranks, score_retrieval_ranks
from lab.metrics.ranking import RankSummary


def mean_recall(images: Tensor, captions: Tensor, image_of_caption: Sequence[int]) -> float:
    """Return the mean of R@1, R@5 and R@10, both ways, by inner products of ``(N, D)`` and ``(M, D)``, in 0..1."""
    return _mean(retrieval_ranks(images.numpy(), captions.numpy(), image_of_caption))


def mean_recall_of_scores(scores: NDArray[np.float32], image_of_caption: Sequence[int] | NDArray[np.int64]) -> float:
    """Return the same by ``(M, N)`` scores of captions with images."""
    return _mean(score_retrieval_ranks(scores, image_of_caption))


def _mean(summaries: Sequence[RankSummary]) -> float:
    return float(np.mean([recall for summary in summaries for recall in summary.recall.values()]))
