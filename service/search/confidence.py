"""How certain an answer is: how likely each result shows what was asked, and whether any seems to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.store.arrays import VectorSet
from models.calibration import POSSIBLE, STRONG, Calibrations, standing
from models.types import Side, Vectors
from service.search.query import Query

Strength = Literal["strong", "possible", "weak"]

STRONG_DEVIATIONS, POSSIBLE_DEVIATIONS = 4.0, 3.0
"""How many standard deviations above the reference set's mean a score is strong, or possible, without a calibration."""

_DECIMALS = 6


@dataclass(frozen=True)
class Judgement:
    """What is said of R results: the confidence in each, None without a calibration, and its strength."""

    confidences: Sequence[float | None]
    strengths: Sequence[Strength]


def kind_of_search(query: Query, target: Side) -> str:
    """Return the kind of search, by which calibrations are fitted: ``SOURCE-to-TARGET``."""
    return f"{query.kind}-to-{target}"


def reranked_kind(kind: str, matcher: str) -> str:
    """Return the kind of a search whose best results a matcher has scored anew."""
    return f"{kind}-{matcher}"


def is_sure_enough(confidence: float | None, least: float | None) -> bool:
    """Tell whether a result is to be shown where results of less confidence, and without any, are left out."""
    return least is None or (confidence is not None and confidence >= least)


def judge(
    calibrations: Calibrations | None, kind: str, vectors: VectorSet, query: Vectors, scores: NDArray[np.float64]
) -> Judgement:
    """Judge results, each by itself.

    Without a calibration of this kind there is no confidence, and the strength tells where a score stands among the
    query's scores against the reference set, or a sample of the collection where the model has none.

    Args:
        calibrations: of the model.
        kind: of the search.
        vectors: the searched set.
        query: ``(D,)``, the composed query.
        scores: ``(R,)``.
    """
    stood = standing(query, vectors.sample if calibrations is None else calibrations.reference)
    calibration = None if calibrations is None else calibrations.kinds.get(kind)
    if calibration is None:
        deviations = stood.deviations(scores).tolist()
        strengths = [_strength(value, STRONG_DEVIATIONS, POSSIBLE_DEVIATIONS) for value in deviations]
        return Judgement([None] * len(scores), strengths)
    confidences = np.round(calibration.confidence(query, stood, scores, vectors.entry.rows), _DECIMALS).tolist()
    return Judgement(confidences, [_strength(value, STRONG, POSSIBLE) for value in confidences])


def nothing_matches(confidences: Sequence[float | None]) -> bool:
    """Tell whether an answer seems to match nothing: there are confidences, and not one result is even possible."""
    known = [confidence for confidence in confidences if confidence is not None]
    return bool(known) and max(known) < POSSIBLE


def _strength(value: float, strong: float, possible: float) -> Strength:
    return "strong" if value >= strong else "possible" if value >= possible else "weak"
