"""Composed queries are unit vectors whose parts add up to every score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.composition import Term, compose, score_of
from models.errors import QueryError
from models.types import Vectors


def unit(*values: float) -> Vectors:
    return np.array(values, dtype=np.float32) / np.float32(np.linalg.norm(values))


def test_a_single_term_is_the_query_itself() -> None:
    query = compose([Term("dog", unit(3, 4))])
    np.testing.assert_allclose(query.vector, [0.6, 0.8], rtol=1e-6)
    assert query.vector.dtype == np.float32


def test_weights_are_applied_before_the_length_is_normalised() -> None:
    query = compose([Term("image", unit(1, 0)), Term("-people", unit(0, 1), -0.5)])
    np.testing.assert_allclose(query.vector, np.array([1, -0.5]) / np.hypot(1, 0.5), rtol=1e-6)
    assert query.labels == ("image", "-people")


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_contributions_add_up_to_the_score_to_the_printed_digit(terms: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights = [1.0, *generator.choice([-0.5, 0.5], terms - 1)]
    query = compose([Term(str(i), unit(*generator.normal(size=16)), weight) for i, weight in enumerate(weights)])
    vectors = np.stack([unit(*generator.normal(size=16)) for _ in range(7)])
    contributions = query.contributions(vectors)
    scores = query.scores(contributions)
    np.testing.assert_allclose(scores, vectors @ query.vector, atol=5e-6)
    for row, score in zip(contributions.tolist(), scores.tolist(), strict=True):
        assert round(sum(row), 6) == score


def test_shares_and_scores_have_six_decimals() -> None:
    query = compose([Term("dog", unit(1, 0)), Term("+beach", unit(1, 0), 0.5)])
    contributions = query.contributions(np.array([[1 / 3, 0]], dtype=np.float32))
    assert contributions.tolist() == [[0.222222, 0.111111]]  # two thirds and one third of 0.3333333
    assert query.scores(contributions).tolist() == [0.333333]
    assert contributions.dtype == query.parts.dtype == np.float64


def test_a_term_weighs_one_and_is_not_of_words_unless_it_says_so() -> None:
    term = Term("image", unit(1, 0))
    assert (term.weight, term.text) == (1.0, None)


@pytest.mark.parametrize(("left", "refused"), [(2e-6, False), (5e-7, True)])
def test_what_is_left_of_the_terms_must_be_more_than_rounding(left: float, refused: bool) -> None:
    terms = [Term("image", unit(1, 0)), Term("-image", unit(1, left), -1.0)]
    if refused:
        with pytest.raises(QueryError, match="cancel"):
            compose(terms)
    else:
        np.testing.assert_allclose(compose(terms).vector, [0, -1], atol=1e-6)


def test_terms_that_cancel_each_other_out_are_refused() -> None:
    with pytest.raises(QueryError, match="cancel"):
        compose([Term("image", unit(1, 0)), Term("-a", unit(1, 0), -0.5), Term("-b", unit(1, 0), -0.5)])


def test_what_rounding_leaves_of_terms_that_cancel_out_is_no_direction() -> None:
    almost = np.array([1, 2e-8], np.float32)
    terms = [Term("image", almost), Term("-image", unit(1, 0), -1.0)]
    with pytest.raises(QueryError, match="cancel"):
        compose(terms)
    assert score_of(terms, unit(0, 1)) == 0


def test_a_short_sum_is_a_direction_all_the_same() -> None:
    terms = [Term("image", np.array([1, 1e-4], np.float32)), Term("-image", unit(1, 0), -1.0)]
    np.testing.assert_allclose(compose(terms).vector, [0, 1], atol=1e-6)
    assert score_of(terms, unit(3, 4)) == pytest.approx(0.8, abs=1e-6)


def test_the_score_of_terms_is_that_of_the_query_they_compose() -> None:
    terms = [Term("image", unit(1, 0)), Term("-people", unit(0, 1), -0.5)]
    assert score_of(terms, unit(3, 4)) == pytest.approx((0.6 - 0.5 * 0.8) / np.hypot(1, 0.5), abs=1e-6)
    assert score_of([], unit(3, 4)) == 0
