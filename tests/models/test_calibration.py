"""Scores become probabilities as the formulas say, and a better score is never less probable."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import (
    BEST,
    NULL_SAMPLE,
    Calibration,
    log_share,
    match_features,
    null_rows,
    read_calibrations,
    write_calibrations,
)
from models.errors import CheckpointError
from models.shipped import encoder_card

ONE = Calibration(temperature=0.1, result=(0.5, 2.0, 1.5), match=(-1.0, 3.0, 1.0, 2.0, -0.5), threshold=0.3)


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def test_the_features_of_a_match_by_hand() -> None:
    null = np.arange(11) / 10  # median 0.5, 90th percentile 0.9
    features = match_features(np.array([0.95, 0.7]), null, size=100)
    np.testing.assert_allclose(features, [0.95, 0.5, 0.4, np.log(100)])


def test_a_few_relevant_images_do_not_move_the_null_distribution() -> None:
    null = np.random.default_rng(0).normal(0, 0.1, 1000)
    shifted = np.where(np.arange(1000) < 5, 0.9, null)
    best = np.array([0.9])
    np.testing.assert_allclose(match_features(best, null, 1000), match_features(best, shifted, 1000), atol=5e-3)


def test_the_share_is_that_of_the_softmax_over_the_whole_collection() -> None:
    scores = np.sort(np.random.default_rng(1).normal(0, 0.2, 300))[::-1]
    softmax = np.exp(scores / 0.05) / sum(np.exp(s / 0.05) for s in scores)
    assert log_share(scores[:BEST], scores, 300, 0.05) == pytest.approx(np.log(softmax[0]))
    assert log_share(scores[:3], scores[:3], 3, 0.05) == pytest.approx(np.log(np.exp(scores[0] / 0.05) / np.exp(scores[:3] / 0.05).sum()))  # fmt: skip  # noqa: E501


def test_a_sample_of_the_collection_gives_nearly_the_share_that_all_of_it_gives() -> None:
    scores = np.random.default_rng(2).normal(0, 0.2, 20_000)
    best = np.sort(scores)[::-1][:BEST]
    sampled = log_share(best, scores[null_rows(20_000)], 20_000, 0.1)
    assert sampled == pytest.approx(log_share(best, scores, 20_000, 0.1), abs=0.2)


def test_both_probabilities_by_hand_for_one_query_and_for_many() -> None:
    match = ONE.match_probability(np.array([[0.5, 0.1, 0.2, 4.0], [0.1, 0.0, 0.1, 4.0]]))
    np.testing.assert_allclose(match, [_logistic(-1 + 1.5 + 0.1 + 0.4 - 2), _logistic(-1 + 0.3 + 0.2 - 2)])
    confidence = ONE.confidence(match, np.array([-1.0, -3.0]), np.array([[0.0, -0.2], [0.0, -0.1]]))
    expected = [[match[0] * _logistic(0.5 - 2), match[0] * _logistic(0.5 - 2 - 3)],
                [match[1] * _logistic(0.5 - 6), match[1] * _logistic(0.5 - 6 - 1.5)]]  # fmt: skip
    np.testing.assert_allclose(confidence, expected)
    np.testing.assert_allclose(ONE.confidence(match[0], np.array(-1.0), np.array([0.0, -0.2])), expected[0])


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(0.01, 1), st.integers(0, 9))
def test_confidence_falls_with_the_score_and_stays_a_probability(
    scores: list[float], temperature: float, seed: int
) -> None:
    ranked = np.sort(np.array(scores))[::-1]
    null = np.random.default_rng(seed).uniform(-1, ranked[0], 50)
    calibration = replace(ONE, temperature=temperature)
    match = calibration.match_probability(match_features(ranked[:BEST], null, 5000))
    share = log_share(ranked[:BEST], null, 5000, temperature)
    confidence = calibration.confidence(match, share, ranked - ranked[0])
    assert (np.diff(confidence) <= 0).all()
    assert (confidence >= 0).all()
    assert (confidence <= match).all()


def test_the_null_sample_is_the_same_each_time_and_all_of_a_small_collection() -> None:
    assert null_rows(NULL_SAMPLE).tolist() == list(range(NULL_SAMPLE))
    rows = null_rows(100_000)
    assert len(set(rows.tolist())) == NULL_SAMPLE
    assert rows.tolist() == null_rows(100_000).tolist()
    assert rows.mean() == pytest.approx(50_000, rel=0.05)


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0}, {"result": (0.0, 1.0, 0.0)}, {"result": (0.0, 1.0)}, {"match": (1.0,)}, {"threshold": np.nan}],
)
def test_a_calibration_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        replace(ONE, **change)


def test_what_is_written_is_read_for_the_same_weights_only(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    assert read_calibrations(path, "abc") == {}
    write_calibrations(path, "abc", {"text-to-image": ONE})
    assert read_calibrations(path, "abc") == {"text-to-image": ONE}
    assert read_calibrations(path, "of weights that were trained again") == {}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"weights_sha256": "abc", "calibrations": {"text-to-image": {}}}'])
def test_a_file_that_does_not_fit_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "calibration.json").write_text(text)
    with pytest.raises(CheckpointError, match=tmp_path.name):
        read_calibrations(tmp_path / "calibration.json", "abc")


def test_a_weight_that_is_wrong_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write_calibrations(path, "abc", {"text-to-image": ONE})
    fields = json.loads(path.read_text())
    fields["calibrations"]["text-to-image"]["result"][2] = -1
    path.write_text(json.dumps(fields))
    with pytest.raises(CheckpointError, match="must be positive"):
        read_calibrations(path, "abc")


def test_the_shipped_calibration_is_of_the_shipped_weights() -> None:
    """After training again: ``semblance evaluate calibration … --write``."""
    assert set(encoder_card("semblance-base").calibrations) == {"text-to-image", "image-to-text"}
