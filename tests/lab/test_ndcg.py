"""Order, NDCG and PCC agree with slow oracles and values worked out by hand."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

from lab.metrics.correlation import pearson_curve
from lab.metrics.ndcg import ideal_gains, ndcg_curve
from lab.metrics.ordering import top_ranked, without_self


def _slow_order(scores: np.ndarray, relevance: np.ndarray) -> list[int]:
    return sorted(range(len(scores)), key=lambda item: (-scores[item], relevance[item]))


def _slow_dcg(gains: list[float]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


@given(st.integers(0, 10_000), st.integers(2, 9), st.data())
def test_order_and_ndcg_agree_with_the_oracles(seed: int, items: int, data: st.DataObject) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(-2, 3, (3, items)).astype(np.float32)  # small integers: many ties
    relevance = random.integers(0, 3, (3, items)) / 2
    depth = data.draw(st.integers(1, items))
    top = top_ranked(scores, relevance, depth)
    gains = np.take_along_axis(relevance, top, axis=1)
    curves = ndcg_curve(gains, ideal_gains(relevance, depth))
    for query in range(3):
        expected = [relevance[query, item] for item in _slow_order(scores[query], relevance[query])]
        assert gains[query].tolist() == expected[:depth]
        for r in range(1, depth + 1):
            best = _slow_dcg(sorted(relevance[query], reverse=True)[:r])
            assert math.isclose(curves[query, r - 1], _slow_dcg(expected[:r]) / best if best else 0, abs_tol=1e-12)


def test_ndcg_by_hand() -> None:
    (curve,) = ndcg_curve(np.array([[0.0, 1.0, 0.5]]), np.array([[1.0, 0.5, 0.0]]))
    ideal = 1 + 0.5 / math.log2(3)
    np.testing.assert_allclose(curve, [0, 1 / math.log2(3) / ideal, (1 / math.log2(3) + 0.25) / ideal])


def test_the_query_leaves_its_own_results() -> None:
    matrix = np.arange(8).reshape(2, 4)
    assert without_self(matrix, np.array([0, 2])).tolist() == [[1, 2, 3], [4, 5, 7]]


@given(st.integers(0, 10_000))
def test_pcc_agrees_with_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = (0.5 + random.normal(size=(2, 12)) / 100).astype(np.float32)
    gains = random.random((2, 12))
    curves = pearson_curve(scores, gains)
    for query in range(2):
        for r in range(3, 13):  # scipy warns of its own rounding at 2
            expected = pearsonr(scores[query, :r].astype(float), gains[query, :r]).statistic
            assert math.isclose(curves[query, r - 1], expected, abs_tol=1e-6)


def test_pcc_is_nothing_where_nothing_varies() -> None:
    scores = np.array([[0.3, 0.3, 0.2], [0.3, 0.2, 0.1]])
    gains = np.array([[0.1, 0.2, 0.0], [0.7, 0.7, 0.7]])
    curves = pearson_curve(scores, gains)
    assert curves[:, :2].tolist() == [[0, 0], [0, 0]]
    assert curves[1, 2] == 0
    assert math.isclose(curves[0, 2], math.sqrt(3) / 2)
