"""Scores become probabilities as the formula says, each by itself, and a better score is never less probable."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import (
    SAMPLE,
    Calibration,
    Calibrations,
    Standing,
    calibration_file,
    read_calibrations,
    sample_rows,
    standing,
    write_calibrations,
)
from models.errors import CheckpointError
from models.shipped import encoder_card

ONE = Calibration(
    intercept=-1.0, score=5.0, mean=2.0, spread=-3.0, direction=np.array([0.5, -0.25], np.float32), among=-0.5
)
REFERENCE = np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32)
ALL = Calibrations(REFERENCE, {"text-to-image": ONE})


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def test_a_confidence_by_hand_for_one_query_and_for_many() -> None:
    queries = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32)
    told = ONE.confidence(
        queries, Standing(np.array([0.2, 0.4]), np.array([0.1, 0.3])), np.array([[0.5, 0.1], [0.3, 0.0]]), [100, 2000]
    )
    of_query = [
        -1 + 2 * 0.2 - 3 * 0.1 + 0.5 - 0.5 * np.log(100),
        -1 + 2 * 0.4 - 3 * 0.3 + 0.3 - 0.2 - 0.5 * np.log(2000),
    ]
    expected = [[_logistic(of_query[0] + 5 * 3), _logistic(of_query[0] - 5)],
                [_logistic(of_query[1] - 5 / 3), _logistic(of_query[1] - 5 * 4 / 3)]]  # fmt: skip
    np.testing.assert_allclose(told, expected, atol=1e-6)
    one = ONE.confidence(queries[0], Standing(np.array(0.2), np.array(0.1)), np.array([0.5, 0.1]), 100)
    np.testing.assert_allclose(one, expected[0], atol=1e-6)


def test_fewer_and_more_than_were_fitted_count_as_these() -> None:
    query, stood = np.array([0.6, 0.8], np.float32), Standing(np.array(0.2), np.array(0.1))
    told = [ONE.confidence(query, stood, np.array([0.3]), among)[0] for among in (1, 50, 51, 75_000, 10**9)]
    assert told[0] == told[1] > told[2] > told[3] == told[4]


def test_where_a_query_stands_by_hand_for_one_and_for_many() -> None:
    queries = np.array([[1.0, 0.0], [0.0, -1.0]], np.float32)
    mean, spread = standing(queries, REFERENCE)
    np.testing.assert_allclose(mean, [0.5, -0.5])
    np.testing.assert_allclose(spread, [np.std([1, 0, 0.5])] * 2)
    np.testing.assert_allclose(standing(queries[0], REFERENCE), (0.5, np.std([1, 0, 0.5])))


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(-1, 1), st.floats(0, 1))
def test_confidence_falls_with_the_score_stays_a_probability_and_is_of_each_result_alone(
    scores: list[float], mean: float, spread: float
) -> None:
    ranked, stood = np.sort(np.array(scores))[::-1], Standing(np.array(mean), np.array(spread))
    query = np.array([0.6, 0.8], np.float32)
    told = ONE.confidence(query, stood, ranked, 100)
    assert (np.diff(told) <= 0).all()
    assert ((told >= 0) & (told <= 1)).all()
    alone = [ONE.confidence(query, stood, ranked[place : place + 1], 100)[0] for place in range(len(ranked))]
    np.testing.assert_array_equal(told, alone)


def test_the_sample_is_the_same_each_time_and_all_of_a_small_collection() -> None:
    assert sample_rows(SAMPLE).tolist() == list(range(SAMPLE))
    rows = sample_rows(100_000)
    assert len(set(rows.tolist())) == SAMPLE
    assert rows.tolist() == sample_rows(100_000).tolist()
    assert rows.mean() == pytest.approx(50_000, rel=0.1)


@pytest.mark.parametrize(
    "change",
    [
        {"score": 0.0},
        {"score": -1.0},
        {"intercept": np.nan},
        {"among": np.nan},
        {"direction": np.array([np.inf, 0], np.float32)},
    ],
)
def test_a_calibration_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        replace(ONE, **change)


def test_what_is_written_is_read_for_the_same_weights_only(tmp_path: Path) -> None:
    path = calibration_file(tmp_path, "hf:some/model")
    assert path == tmp_path / "calibrations" / "hf-some-model.safetensors"
    assert read_calibrations(path, "abc") is None
    write_calibrations(path, "abc", ALL)
    read = read_calibrations(path, "abc")
    assert read is not None
    np.testing.assert_array_equal(read.reference, REFERENCE)
    assert list(read.kinds) == ["text-to-image"]
    stood, query = standing(REFERENCE[0], REFERENCE), REFERENCE[0]
    told = [one.kinds["text-to-image"].confidence(query, stood, np.array([0.1, 0.7]), 500) for one in (read, ALL)]
    np.testing.assert_array_equal(*told)
    assert read_calibrations(path, "of weights that were trained again") is None


def test_a_file_that_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "calibration.safetensors"
    write_calibrations(path, "abc", ALL)
    whole = path.read_bytes()
    for damaged in (b"", b"{", whole[:-3], whole.replace(b"intercept", b"intercapt"), whole.replace(b"5.0", b"-50")):
        assert damaged != whole
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"calibration\.safetensors.*fit it again"):
            read_calibrations(path, "abc")


def test_the_shipped_calibration_is_of_the_shipped_weights_and_covers_every_kind_of_search() -> None:
    """After training again: ``semblance evaluate calibration … --write``."""
    calibrations = encoder_card("semblance-base").calibrations
    assert calibrations is not None
    kinds = {
        f"{source}-to-{target}"
        for source in ("text", "image", "steered-text", "steered-image", "embedding")
        for target in ("image", "text")
    }
    assert kinds <= set(calibrations.kinds)
    assert len(calibrations.reference) <= 1024
