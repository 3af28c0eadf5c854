"""What is measured of one method on one pair, and on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from lab.evaluation.explain.montage import Pointing, montage, pointing
from lab.evaluation.explain.pairs import Pairs, images_of, match_of
from lab.evaluation.explain.scores import Scores
from lab.metrics.perturbation import areas, perturbation_curves
from models.composition import Term, compose
from models.errors import QueryError
from models.evidence import Evidence
from models.protocols import Explainer, Match
from models.types import Pixels, Vectors


@dataclass(frozen=True)
class PairMeasures:
    """One method on one pair.

    Attributes:
        deletion: area raw and normalised, mean of the fillings.
        insertion: the same.
        montages: by the number of photographs.
        pictured: the same of four, searched by the right photograph and not by its caption; None where the method
            explains sentences alone.
        told: whether the method says of the unrelated sentence that nothing speaks for it.
        falsely: whether it says so of the photograph's own caption.
        rest: ``|rest|`` and ``|score - baseline|``; None where the method's map has no baseline.
        ms: of processor time that the explanation took, which other programs beside it change little.
        evidence: of the pair itself.
    """

    deletion: tuple[float, float]
    insertion: tuple[float, float]
    montages: dict[int, Pointing]
    pictured: Pointing | None
    told: bool
    falsely: bool
    rest: tuple[float, float] | None
    ms: float
    evidence: Evidence

    @property
    def values(self) -> NDArray[np.float32]:
        """The map."""
        return self.evidence.whole().values


MONTAGES = (2, 4)


def measure_pair(explainer: Explainer, pairs: Pairs, pair: int, steps: int, scores: Scores) -> PairMeasures:
    """Explain a pair, its montages and its unrelated sentence, and measure what was said by the scores explained."""
    match = pairs.match(pair)
    started = process_time()
    evidence = explainer.explain(match)
    ms = (process_time() - started) * 1e3
    curves = perturbation_curves(
        pairs.pixels[pair],
        evidence.whole().values,
        lambda pictures: scores.pictures(pairs.texts[pair], pictures),
        steps,
    )
    return PairMeasures(
        deletion=areas(curves.deletion),
        insertion=areas(curves.insertion),
        montages={count: _pointing(explainer, pairs, pair, count) for count in MONTAGES},
        pictured=_pictured(explainer, pairs, pair),
        told=explainer.explain(pairs.unrelated_match(pair)).silent,
        falsely=evidence.silent,
        rest=_rest(evidence),
        ms=ms,
        evidence=evidence,
    )


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return Spearman's rank correlation of two maps of one shape; 0 where one is flat."""
    first, second = (rankdata(values.ravel()) - (values.size + 1) / 2 for values in (a, b))
    length = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / length if length else 0.0


def _pointing(explainer: Explainer, pairs: Pairs, pair: int, count: int) -> Pointing:
    picture, vector, right = _montage(pairs, pair, count)
    values = explainer.explain(match_of(pairs.encoder, pairs.texts[pair], picture, vector)).whole().values
    return pointing(values, count, right, picture.shape[0])


def _pictured(explainer: Explainer, pairs: Pairs, pair: int) -> Pointing | None:
    picture, vector, right = _montage(pairs, pair, MONTAGES[-1])
    query = compose([Term("image", pairs.vectors[pair])])
    match = Match(query, vector, images_of(pairs.encoder, picture), _no_texts)
    try:
        values = explainer.explain(match).whole().values
    except QueryError:  # the method explains sentences
        return None
    return pointing(values, MONTAGES[-1], right, picture.shape[0])


def _montage(pairs: Pairs, pair: int, count: int) -> tuple[Pixels, Vectors, int]:
    """Return a picture of several photographs, its vector, and which of them is the pair's."""
    right = pair % count
    order = [(pair + place - right) % len(pairs) for place in range(count)]  # neighbours in the draw: any others
    picture = montage(pairs.pixels[order])
    return picture, pairs.encoder.encode_images(picture[None])[0], right


def _no_texts(_texts: Sequence[str]) -> Vectors:
    return np.empty((0, 0), np.float32)


def _rest(evidence: Evidence) -> tuple[float, float] | None:
    """Return ``|rest|`` and ``|score - baseline|``."""
    if evidence.baseline is None or evidence.rest is None:
        return None
    return abs(evidence.rest), abs(evidence.score - evidence.baseline)
