"""Calibration errors agree with slow oracles and with hand-computed values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.metrics.reliability import ReliabilityBin, equal_mass_bins, equal_width_bins, expected_calibration_error

PREDICTIONS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def _slow_error(bins: list[list[tuple[float, bool]]]) -> float:
    total = sum(len(members) for members in bins)
    error = 0.0
    for members in bins:
        if members:
            gap = sum(p for p, _ in members) / len(members) - sum(y for _, y in members) / len(members)
            error += len(members) / total * abs(gap)
    return error


@settings(deadline=None)
@given(PREDICTIONS, st.integers(1, 20))
def test_equal_width_agrees_with_the_oracle(predictions: list[tuple[float, bool]], count: int) -> None:
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(count)]
    for probability, outcome in predictions:
        bins[min(int(probability * count), count - 1)].append((probability, outcome))
    found = equal_width_bins(*map(np.array, zip(*predictions, strict=True)), bins=count)
    assert expected_calibration_error(found) == pytest.approx(_slow_error(bins))


@settings(deadline=None)
@given(PREDICTIONS, st.integers(1, 20))
def test_equal_mass_agrees_with_the_oracle(predictions: list[tuple[float, bool]], count: int) -> None:
    ranked = sorted(predictions, key=lambda prediction: prediction[0])
    small, larger = divmod(len(ranked), count)
    bins, start = [], 0
    for place in range(count):
        size = small + (place < larger)
        bins.append(ranked[start : start + size])
        start += size
    found = equal_mass_bins(*map(np.array, zip(*predictions, strict=True)), bins=count)
    assert expected_calibration_error(found) == pytest.approx(_slow_error(bins))
    assert sum(one.count for one in found) == len(predictions)


def test_two_bins_by_hand() -> None:
    probabilities, outcomes = np.array([0.9, 0.1, 0.2, 0.8]), np.array([True, False, True, True])
    bins = equal_mass_bins(probabilities, outcomes, bins=2)
    assert [one.count for one in bins] == [2, 2]
    assert bins[0] == ReliabilityBin(pytest.approx(0.15), 0.5, 2)
    assert bins[1] == ReliabilityBin(pytest.approx(0.85), 1.0, 2)
    assert expected_calibration_error(bins) == pytest.approx((0.35 + 0.15) / 2)


def test_certain_and_right_has_no_error_and_certain_and_wrong_has_all() -> None:
    sure = np.array([0.0, 1.0, 1.0, 0.0])
    for bins in (equal_mass_bins, equal_width_bins):
        assert expected_calibration_error(bins(sure, sure == 1)) == 0
        assert expected_calibration_error(bins(sure, sure == 0)) == 1
