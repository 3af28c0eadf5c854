"""The weight of a matcher is chosen by what re-ranking with it brings."""

import numpy as np
import pytest

from lab.evaluation.reranking_weight import choose_weight, reranked_ranks

RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize("depth", [1, 3, 8, 20])
def test_ranks_are_those_of_sorted_lists(depth: int) -> None:
    first, second = RANDOM.normal(size=(2, 6, 8)).astype(np.float32)
    own, weights = RANDOM.integers(8, size=6), (0.5, 0.0, 2.0)
    before, after = reranked_ranks(first, second, own, weights, depth)
    for caption in range(6):
        order = sorted(range(8), key=lambda image: -first[caption, image])
        assert before[caption] == order.index(own[caption]) + 1
        for turn, weight in enumerate(weights):
            fused = first[caption] + weight * second[caption]
            head = sorted(order[:depth], key=lambda image: -fused[image])
            assert after[turn, caption] == [*head, *order[depth:]].index(own[caption]) + 1


def test_of_equal_images_at_the_edge_of_the_head_no_more_than_fill_it_are_re_ranked() -> None:
    # images 1, 2 and 3 are equal: 1 fills the head; the matcher would put 2 and 3 before the own image, which is first
    first = np.array([[0.9, 0.5, 0.5, 0.5]], np.float32)
    second = np.array([[0.0, 0.1, 9.0, 9.0]], np.float32)
    before, after = reranked_ranks(first, second, np.array([0]), (1.0,), depth=2)
    assert (before.tolist(), after.tolist()) == ([1], [[1]])
    # and of the equal ones none counts as in the head
    _, after = reranked_ranks(first, second, np.array([1]), (1.0,), depth=2)
    assert after.tolist() == [[4]]


def test_the_order_without_a_matcher_is_that_of_a_weight_of_nothing() -> None:
    first, second = RANDOM.integers(0, 3, size=(2, 40, 9)).astype(np.float32)  # many ties
    own = RANDOM.integers(9, size=40)
    before, (after,) = reranked_ranks(first, second, own, (0.0,), depth=9)
    np.testing.assert_array_equal(after, before)
    _, before_it, with_it = choose_weight([first], [second], [own], (0.0,), depth=9)
    assert before_it == with_it


def test_the_weight_that_repairs_most_is_taken() -> None:
    # the own image is second, by 0.1; the matcher gives it 1 more, so a weight over 0.1 puts it first
    first = np.array([[0.5, 0.4, 0.0]], np.float32)
    second = np.array([[0.0, 1.0, 0.0]], np.float32)
    weight, before, after = choose_weight([first], [second], [np.array([1])], (0.05, 0.2, 0.5), depth=2)
    assert (weight, before, after) == (0.2, 2 / 3, 1.0)


def test_a_matcher_that_only_harms_gets_the_smallest_weight() -> None:
    first, second = np.array([[0.5, 0.4]], np.float32), np.array([[0.0, 9.0]], np.float32)
    weight, before, after = choose_weight([first], [second], [np.array([0])], (0.1, 0.2), depth=2)
    assert (weight, before) == (0.1, 1.0)
    assert after < before
