r"""Reliability of probabilities: expected calibration error (ECE).

Of the results given a confidence of 0.3, three in ten should be relevant. Predictions are cut into B bins, and the
expected calibration error weighs each bin's gap by its share of the n predictions:

.. math:: \mathrm{ECE} = \sum_{b=1}^{B} \frac{n_b}{n} \, \lvert \mathrm{confidence}_b - \mathrm{frequency}_b \rvert

(Guo et al., "On calibration of modern neural networks", 2017). Bins of equal mass hold the same number of predictions
each, so that every one of them is well measured (Nixon et al. 2019); bins of equal width are the older choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True)
class ReliabilityBin:
    """Mean confidence and observed frequency of the ``count`` predictions of one bin."""

    confidence: float
    frequency: float
    count: int


def equal_mass_bins(
    probabilities: NDArray[np.floating], outcomes: NDArray[np.bool_], bins: int = BINS
) -> list[ReliabilityBin]:
    """Cut predictions, in order, into bins of the same number (to within one); fewer predictions make fewer bins.

    Args:
        probabilities: ``(n,)``, in 0..1.
        outcomes: ``(n,)``, whether what was predicted came true.
        bins: how many.
    """
    order = np.argsort(probabilities, kind="stable")
    return [_bin(probabilities[rows], outcomes[rows]) for rows in np.array_split(order, bins) if len(rows)]


def equal_width_bins(
    probabilities: NDArray[np.floating], outcomes: NDArray[np.bool_], bins: int = BINS
) -> list[ReliabilityBin]:
    """Cut predictions into bins ``[b/B, (b+1)/B)`` (the last one closed); empty ones are left out. See above."""
    places = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    members = [places == place for place in range(bins)]
    return [_bin(probabilities[rows], outcomes[rows]) for rows in members if rows.any()]


def expected_calibration_error(bins: list[ReliabilityBin]) -> float:
    """Return the mean gap between confidence and frequency, each prediction weighing the same."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.confidence - one.frequency) for one in bins) / total


def _bin(probabilities: NDArray[np.floating], outcomes: NDArray[np.bool_]) -> ReliabilityBin:
    return ReliabilityBin(float(probabilities.mean()), float(outcomes.mean()), len(probabilities))
