r"""From scores to probabilities: how likely a result is relevant, and how likely it is that anything is.

A cosine of 0.5 means much for one query and little for another. What it means is read off the query's scores over the
whole collection: a sample of them, the *null distribution*, and the best ones. With the best score :math:`s_1`, the
null's median :math:`\mu` and spread :math:`\delta`, the collection's size N and a temperature :math:`\tau`,

.. math::
    P(\text{match}) &= \sigma(\alpha_0 + \alpha_1 s_1 + \alpha_2 \mu + \alpha_3 \delta + \alpha_4 \log N) \\
    P(\text{result } i \mid \text{match}) &= \sigma(\beta_0 + \beta_1 \log \pi_1 + \beta_2 (s_i - s_1) / \tau),
    \qquad \pi_1 = e^{s_1 / \tau} / \sum_{j=1}^{N} e^{s_j / \tau}

and the confidence in a result is their product. Both are logistic regressions on features of the scores, as in Platt,
"Probabilistic outputs for support vector machines" (1999); ``semblance evaluate calibration`` fits them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import CheckpointError

Numbers = NDArray[np.floating[Any]]

BEST = 10
"""So many of the best scores are told apart from the null distribution, whatever page of results is asked for."""

NULL_SAMPLE = 2048
"""So many vectors of a collection stand for all of it; a smaller collection is taken whole."""

MATCH_FEATURES = 4


@dataclass(frozen=True)
class Calibration:
    """What is fitted for one kind of query and of result.

    Attributes:
        temperature: of the best score's share in the collection.
        result: intercept, weight of the log share, weight of the distance to the best score; the last is positive, so
            that confidence falls with the score within an answer.
        match: intercept and the weights of ``match_features``.
        threshold: below this probability of a match, an answer says that nothing seems to match.
    """

    temperature: float
    result: tuple[float, float, float]
    match: tuple[float, ...]
    threshold: float

    def __post_init__(self) -> None:
        lengths = len(self.result), len(self.match)
        if lengths != (3, 1 + MATCH_FEATURES) or not np.isfinite([*self.result, *self.match, self.threshold]).all():
            raise ValueError(f"a calibration has 3 and {1 + MATCH_FEATURES} finite weights, found {lengths}")
        if self.temperature <= 0 or self.result[2] <= 0:
            raise ValueError("a calibration's temperature and its weight of the score must be positive")

    def match_probability(self, features: Numbers) -> Numbers:
        """Return how likely the collection holds a match, ``(...)``, from ``match_features`` ``(..., 4)``."""
        return _logistic(self.match[0] + features @ np.asarray(self.match[1:]))

    def confidence(self, match: Numbers, share: Numbers, gaps: Numbers) -> Numbers:
        """Return how likely each result is relevant.

        Args:
            match: ``(...)``, as ``match_probability`` gives.
            share: ``(...)``, as ``log_share`` gives at this temperature.
            gaps: ``(..., R)``, each result's score less the best score; at most 0.

        Returns:
            ``(..., R)``, in 0..1; a higher score never has a lower confidence.
        """
        intercept, of_share, of_gap = self.result
        logits = intercept + of_share * np.asarray(share)[..., None] + of_gap * gaps / self.temperature
        return np.asarray(match)[..., None] * _logistic(logits)


def match_features(best: Numbers, null: Numbers, size: int) -> Numbers:
    """Return what tells whether a collection holds a match: best score, null median, null spread, log size.

    The spread is the 90th percentile less the median. Neither moves where a few of the null are relevant.

    Args:
        best: ``(..., B)`` best scores, descending.
        null: ``(..., S)`` scores of a random sample of the collection.
        size: of the collection, N.

    Returns:
        ``(..., 4)``.
    """
    median, upper = _quantile(null, 0.5), _quantile(null, 0.9)
    return np.stack([best[..., 0], median, upper - median, np.full_like(median, np.log(size))], axis=-1)


def log_share(best: Numbers, null: Numbers, size: int, temperature: float) -> Numbers:
    """Return the log of the best score's share in the softmax over the whole collection, ``(...)``.

    The best scores enter the sum as they are; the sample's scores below them stand for all the others.

    Args:
        best: ``(..., B)`` best scores, descending.
        null: ``(..., S)`` scores of a random sample of the collection.
        size: of the collection, N.
        temperature: that scores are divided by.
    """
    top, last = best[..., :1], best[..., -1:]
    others = null < last
    weights = np.where(others, np.exp((np.minimum(null, last) - top) / temperature), 0)
    mean = weights.sum(axis=-1) / np.maximum(others.sum(axis=-1), 1)
    total = np.exp((best - top) / temperature).sum(axis=-1) + (size - best.shape[-1]) * mean
    return np.asarray(-np.log(total))


def null_rows(size: int) -> NDArray[np.int64]:
    """Return the rows of a collection whose scores are its null distribution: random, and always the same."""
    if size <= NULL_SAMPLE:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).choice(size, NULL_SAMPLE, replace=False))


def read_calibrations(path: Path, weights_sha256: str) -> dict[str, Calibration]:
    """Read a model's calibrations by ``SOURCE-to-TARGET``; none where the file is absent or of other weights.

    Raises:
        CheckpointError: the file is there and does not fit.
    """
    if not path.is_file():
        return {}
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields["weights_sha256"] != weights_sha256:
            return {}  # of a model that was trained again since: its scores mean something else now
        return {
            name: Calibration(**{**one, "result": tuple(one["result"]), "match": tuple(one["match"])})
            for name, one in fields["calibrations"].items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"no readable calibration in {path.parent.name}: {error}") from error


def write_calibrations(path: Path, weights_sha256: str, calibrations: Mapping[str, Calibration]) -> None:
    """Write what ``read_calibrations`` reads."""
    fields = {
        "weights_sha256": weights_sha256,
        "calibrations": {name: asdict(one) for name, one in calibrations.items()},
    }
    path.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def _quantile(values: Numbers, share: float) -> Numbers:
    """Return ``np.quantile(values, share, axis=-1)``, which takes four times as long for a search's 2,048 scores."""
    position = share * (values.shape[-1] - 1)
    below = int(position)
    above = min(below + 1, values.shape[-1] - 1)
    ordered = np.partition(values, (below, above), axis=-1)
    lower, upper = ordered[..., below], ordered[..., above]
    return np.asarray(lower + (upper - lower) * (position - below))


def _logistic(logits: ArrayLike) -> Numbers:
    """Return ``1 / (1 + exp(-x))`` without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(logits)))
