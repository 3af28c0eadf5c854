"""The head of a ranking in its new order, computed by hand."""

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import models.reranking
from models.reranking import rerank_head

few_values = st.sampled_from([-1.0, 0.0, 0.5, 2.0])  # so few that many are equal


def test_the_example_of_its_documentation_is_true() -> None:
    assert doctest.testmod(models.reranking) == (0, 1)


def test_the_head_is_ordered_by_its_new_scores_and_the_others_follow_as_before() -> None:
    scores = np.array([0.1, 0.8, 0.3, 0.9, 0.5])
    order, final = rerank_head(scores, lambda head: scores[head] + np.array([0.4, 0.0, 0.2]), depth=3)
    assert order.tolist() == [1, 3, 4, 2, 0]  # 0.8 + 0.4, 0.9 + 0.0, 0.5 + 0.2
    np.testing.assert_allclose(final, [1.2, 0.9, 0.7, 0.3, 0.1])


def test_only_the_head_is_rescored_and_by_ascending_index() -> None:
    asked: list[Any] = []

    def rescored(head: Any) -> Any:
        asked.append(head.tolist())
        return np.zeros(len(head))

    rerank_head(np.array([0.7, 0.1, 0.9, 0.8]), rescored, depth=3)
    assert asked == [[0, 2, 3]]


def test_the_head_stays_in_front_though_its_new_scores_are_worse() -> None:
    order, final = rerank_head(np.array([0.9, 0.8, 0.7]), lambda _head: np.array([-5.0, -4.0]), depth=2)
    assert order.tolist() == [1, 0, 2]
    assert final.tolist() == [-4, -5, 0.7]


def test_of_equal_scores_the_lower_index_has_the_last_place_of_the_head() -> None:
    order, _ = rerank_head(np.array([0.5, 0.9, 0.5, 0.5]), lambda _head: np.array([1.0, 0.0]), depth=2)
    assert order.tolist() == [0, 1, 2, 3]  # 0 is in the head beside 1, and 2 and 3 are not


def test_of_equal_new_scores_the_lower_index_comes_first_whichever_was_better_before() -> None:
    order, _ = rerank_head(np.array([0.1, 0.2, 0.3]), lambda _head: np.array([1.0, 1.0, 1.0]), depth=3)
    assert order.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("depth", "expected"), [(0, [1, 2, 0]), (1, [1, 2, 0]), (3, [0, 2, 1]), (9, [0, 2, 1])])
def test_a_depth_of_nothing_leaves_all_as_it_was_and_one_beyond_the_end_takes_all(
    depth: int, expected: list[int]
) -> None:
    scores = np.array([0.1, 0.3, 0.2])
    order, _ = rerank_head(scores, lambda head: -scores[head], depth)
    assert order.tolist() == expected


def test_no_candidates_give_no_order() -> None:
    order, final = rerank_head(np.empty(0), lambda head: np.empty(len(head)), depth=5)
    assert (len(order), len(final)) == (0, 0)


@given(st.lists(st.tuples(few_values, few_values), max_size=12), st.integers(0, 14))
def test_it_agrees_with_sorting_twice(candidates: list[tuple[float, float]], depth: int) -> None:
    first = np.array([before for before, _ in candidates])
    second = np.array([after for _, after in candidates])
    before = sorted(range(len(candidates)), key=lambda index: (-first[index], index))
    head = sorted(before[:depth], key=lambda index: (-second[index], index))
    order, final = rerank_head(first, lambda indices: second[indices], depth)
    assert order.tolist() == [*head, *before[depth:]]
    assert final.tolist() == [*second[head].tolist(), *first[before[depth:]].tolist()]
