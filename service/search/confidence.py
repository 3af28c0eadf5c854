"""How certain an answer is: the probability that each result is relevant, and whether anything matches at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.store.arrays import VectorSet
from models.calibration import BEST, Calibration, log_share, match_features
from models.cards import EncoderCard
from models.types import Side, Vectors
from service.search.query import Query

NOTHING_MATCHES = "Nothing in this collection seems to match: these are only the nearest results."

_DECIMALS = 6


def calibration_for(card: EncoderCard, query: Query, target: Side) -> Calibration | None:
    """Return the model's calibration for this kind of query and target, None where it has none.

    A query with modifiers, without a source, or by an embedding has no kind, and so no calibration.
    """
    return None if query.kind is None else card.calibrations.get(f"{query.kind}-to-{target}")


def is_sure_enough(confidence: float | None, least: float | None) -> bool:
    """Tell whether a result is to be shown where results of less confidence, and without any, are left out."""
    return least is None or (confidence is not None and confidence >= least)


def judge(
    calibration: Calibration | None, vectors: VectorSet, query: Vectors, scores: NDArray[np.float64]
) -> tuple[list[float | None], tuple[str, ...]]:
    """Return the confidence in each result, and the warning that nothing matches where no match is likely.

    Args:
        calibration: for this kind of query and target; None gives no confidence and no warning.
        vectors: the searched set.
        query: ``(D,)``, the composed query.
        scores: ``(R,)`` of the best results, descending, from rank 1 on whatever page is asked for; R is at least
            ``BEST`` where the collection has so many.

    Returns:
        R confidences in 0..1, each None without a calibration; and the warnings, none or one.
    """
    if calibration is None or not len(scores):
        return [None] * len(scores), ()
    null = np.vecdot(vectors.sample, query)  # not @: BLAS would wake all cores for a tenth of a millisecond's work
    best, size = scores[:BEST], vectors.store.size
    match = calibration.match_probability(match_features(best, null, size))
    share = log_share(best, null, size, calibration.temperature)
    confidences = calibration.confidence(match, share, scores - scores[0])
    return np.round(confidences, _DECIMALS).tolist(), () if match >= calibration.threshold else (NOTHING_MATCHES,)
