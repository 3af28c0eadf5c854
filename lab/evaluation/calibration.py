"""Fits a model's calibration, and measures by cross-validation how well its probabilities are calibrated.

Folds are of images: every figure is of queries whose image took no part in the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.trials import OWN, PRESENT, TEMPERATURES, TOPIC, Direction, Trials, make_trials
from lab.metrics.reliability import equal_mass_bins, equal_width_bins, expected_calibration_error
from models.calibration import Calibration
from models.errors import InputError

DIRECTIONS: tuple[Direction, ...] = ("text-to-image", "image-to-text")

MATCH_PRIOR = 0.9
"""Share of queries that are taken to have a match in the collection."""

FALSE_ALARMS = 0.05
"""Share of the queries with a match of which an answer wrongly says that nothing seems to match."""

_FOLDS = 5


@dataclass(frozen=True)
class Judged:
    """Trials with the probabilities of a calibration: ``confidence`` ``(Q, B)``, ``match`` and ``warned`` ``(Q,)``."""

    trials: Trials
    confidence: NDArray[np.floating]
    match: NDArray[np.floating]
    warned: NDArray[np.bool_]


def evaluate_calibration(sets: Sequence[EncodedSet], seed: int = 1) -> tuple[dict[str, Any], dict[str, Calibration]]:
    """Fit and measure both directions; the seed is of the collections and the folds.

    Returns:
        The figures (text to image, with ``image_to_text`` beside them), and the calibrations fitted on everything.
    """
    trials = {direction: make_trials(sets, direction, seed) for direction in DIRECTIONS}
    names = [one.data.name for one in sets]
    to_image, to_text = (_figures(trials[direction], names, seed) for direction in DIRECTIONS)
    return {**to_image, "image_to_text": to_text}, {name: fit_calibration(one) for name, one in trials.items()}


def fit_calibration(trials: Trials) -> Calibration:
    """Fit both regressions by maximum likelihood, and the threshold to ``FALSE_ALARMS``.

    Raises:
        InputError: the scores do not separate relevant results from others.
    """
    matched = trials.where(trials.removed == PRESENT)
    temperature, result = _fit_result(matched)
    calibration = Calibration(temperature, result, _fit_match(trials), threshold=0.0)
    threshold = np.quantile(calibration.match_probability(matched.features), FALSE_ALARMS)
    return replace(calibration, threshold=float(threshold))


def judge(calibration: Calibration, trials: Trials) -> Judged:
    """Apply a calibration."""
    match = calibration.match_probability(trials.features)
    shares = trials.shares[:, TEMPERATURES.index(calibration.temperature)]
    confidence = calibration.confidence(match, shares, trials.best - trials.best[:, :1])
    return Judged(trials, confidence, match, match < calibration.threshold)


def cross_validate(trials: Trials, seed: int = 1) -> Judged:
    """Judge every trial by a calibration fitted on the other folds of images."""
    images = 1 + trials.image.max()
    folds = np.random.default_rng(seed).permutation(trials.dataset.max() * images + images) % _FOLDS
    fold = folds[trials.dataset * images + trials.image]
    parts = [judge(fit_calibration(trials.where(fold != one)), trials.where(fold == one)) for one in range(_FOLDS)]
    order = np.argsort(np.concatenate([np.flatnonzero(fold == one) for one in range(_FOLDS)]))
    return Judged(
        trials,
        *(np.concatenate([getattr(part, name) for part in parts])[order] for name in ("confidence", "match", "warned")),
    )


def measure(judged: Judged) -> dict[str, Any]:
    """Return the figures of some judged trials; results are those of queries whose match is in the collection."""
    from sklearn.metrics import roc_auc_score

    present = judged.trials.removed == PRESENT
    confidence, relevant = judged.confidence[present], judged.trials.relevant[present]
    bins = equal_mass_bins(confidence.ravel(), relevant.ravel())
    return {
        "expected_calibration_error": expected_calibration_error(bins),
        "equal_width": expected_calibration_error(equal_width_bins(confidence.ravel(), relevant.ravel())),
        "first_result": expected_calibration_error(equal_mass_bins(confidence[:, 0], relevant[:, 0])),
        "auroc": float(roc_auc_score(relevant.ravel(), confidence.ravel())),
        "auroc_cosine": float(roc_auc_score(relevant.ravel(), judged.trials.best[present].ravel())),
        "queries": int(present.sum()),
        "reliability": [asdict(one) for one in bins],
        "nothing_matches": {**_absence(judged, TOPIC), "own_image_only": _absence(judged, OWN)},
    }


def _fit_result(matched: Trials) -> tuple[float, tuple[float, float, float]]:
    """Return the likeliest of ``TEMPERATURES``, and the weights at it, of the results of queries with a match."""
    gaps, relevant = matched.best - matched.best[:, :1], matched.relevant.ravel()
    fits = []
    for shares, temperature in zip(matched.shares.T, TEMPERATURES, strict=True) if relevant.any() else ():
        features = np.stack([np.repeat(shares, gaps.shape[1]), gaps.ravel() / temperature], axis=1)
        loss, (intercept, of_share, of_gap) = _logistic_regression(features, relevant)
        fits.append((loss, temperature, (intercept, of_share, of_gap)))
    if not fits or min(fits)[2][2] <= 0:
        raise InputError("the model's relevant results do not score above the others: there is nothing to calibrate")
    return min(fits)[1:]


def _fit_match(trials: Trials) -> tuple[float, ...]:
    """Return the weights that separate queries with a match from those whose topic was removed, at the stated prior."""
    present, topic = trials.removed == PRESENT, trials.removed == TOPIC
    either = present | topic
    prior = np.where(present, MATCH_PRIOR / present.sum(), (1 - MATCH_PRIOR) / topic.sum())
    return _logistic_regression(trials.features[either], present[either], prior[either] * either.sum())[1]


def _absence(judged: Judged, removed: int) -> dict[str, float]:
    """Return how well queries with a match are separated from those whose match was removed."""
    from sklearn.metrics import roc_auc_score

    present, absent = judged.trials.removed == PRESENT, judged.trials.removed == removed
    either = present | absent
    return {
        "auroc": float(roc_auc_score(present[either], judged.match[either])),
        "auroc_cosine": float(roc_auc_score(present[either], judged.trials.best[either, 0])),
        "false_alarms": float(judged.warned[present].mean()),
        "detected": float(judged.warned[absent].mean()),
    }


def _figures(trials: Trials, names: Sequence[str], seed: int) -> dict[str, Any]:
    """Return the figures of held-out folds, of each collection size, and of a fit carried from one set to another."""
    held_out = cross_validate(trials, seed)
    kinds = sorted(set(zip(trials.dataset.tolist(), trials.size.tolist(), strict=True)))
    return measure(held_out) | {
        "collections": [
            {"set": names[dataset], "images": size}
            | measure(_where(held_out, (trials.dataset == dataset) & (trials.size == size)))
            for dataset, size in kinds
        ],
        "transfer": [
            {"fitted_on": names[source], "measured_on": names[target]} | _carried(trials, source, target)
            for source, target in permutations(range(len(names)), 2)
        ],
    }


def _carried(trials: Trials, source: int, target: int) -> dict[str, Any]:
    """Return the figures on one captioned set of a fit on another."""
    calibration = fit_calibration(trials.where(trials.dataset == source))
    return measure(judge(calibration, trials.where(trials.dataset == target)))


def _where(judged: Judged, rows: NDArray[np.bool_]) -> Judged:
    return Judged(judged.trials.where(rows), judged.confidence[rows], judged.match[rows], judged.warned[rows])


def _logistic_regression(
    features: NDArray[np.floating], outcomes: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> tuple[float, tuple[float, ...]]:
    """Fit by maximum likelihood; return the mean negative log-likelihood, and the intercept with the weights."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    fitted = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(features, outcomes, sample_weight=weights)
    loss = log_loss(outcomes, fitted.predict_proba(features)[:, 1], sample_weight=weights)
    return float(loss), (*fitted.intercept_.tolist(), *fitted.coef_[0].tolist())
