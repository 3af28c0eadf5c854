"""Text to image after re-ranking: how much a matcher improves a dual encoder's order, and what it costs a query."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.data.pixels import Progress
from lab.evaluation.encoded import EncodedSet
from lab.metrics.ranking import summarise_ranks
from lab.metrics.reranked import pessimistic_rank, reranked_rank
from models.protocols import Matcher
from models.reranking import rerank_head
from models.types import Features


@dataclass(frozen=True)
class RerankedRanks:
    """Ranks (from 1) of each caption's own image.

    Attributes:
        before: ``(M,)``, by the dual encoder alone.
        after: ``(M,)``, with the best ``depth`` re-ranked.
        ms: ``(M,)``, milliseconds that re-ranking took.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    ms: NDArray[np.float64]


def reranked_ranks(
    encoded: EncodedSet, matcher: Matcher, features: Features, depth: int, on_progress: Progress | None = None
) -> RerankedRanks:
    """Re-rank the ``depth`` best images of every caption by ``s + w m``, as a search does; ties count against it.

    Args:
        encoded: the set, by the matcher's own encoder.
        matcher: gives m; its card gives w.
        features: of every image, ``(N, *feature_shape)``.
        depth: images beyond it keep their rank.
        on_progress: told of the captions.
    """
    texts = encoded.data.flat_captions()[0]
    count = len(texts)
    ranks = RerankedRanks(np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count))
    for caption, text in enumerate(texts):
        own = int(encoded.image_of_caption[caption])
        scores = encoded.images @ encoded.captions[caption]
        ranks.before[caption] = before = pessimistic_rank(scores, own)
        started = perf_counter()
        order, final = rerank_head(scores, partial(_fused, matcher, text, scores, features), depth)
        ranks.ms[caption] = (perf_counter() - started) * 1e3
        ranks.after[caption] = reranked_rank(before, own, order, final, depth)
        if on_progress:
            on_progress(caption + 1, count)
    return ranks


def _fused(
    matcher: Matcher, text: str, scores: NDArray[np.float32], features: Features, head: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return ``s + w m`` of some images, by their indices."""
    fused: NDArray[np.float32] = scores[head] + matcher.card.weight * matcher.score(text, features[head])
    return fused


def evaluate_reranking(
    encoded: EncodedSet, matcher: Matcher, features: Features, depth: int, on_progress: Progress | None = None
) -> dict[str, Any]:
    """Summarise the ranks before and after, and the median time that re-ranking adds to a query."""
    ranks = reranked_ranks(encoded, matcher, features, depth, on_progress)
    return {
        "text_to_image": summarise_ranks(ranks.before).as_dict(),
        "reranked": {
            "matcher": matcher.card.name,
            "depth": depth,
            "text_to_image": summarise_ranks(ranks.after).as_dict(),
            "ms_a_query": float(np.median(ranks.ms)),
        },
    }
