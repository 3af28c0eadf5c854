"""The weight of a matcher is chosen by what re-ranking with it brings."""

import numpy as np

from lab.training.reranking_weight import choose_weight, reranked

RANDOM = np.random.default_rng(4)


def test_ranks_are_those_of_a_sorted_list() -> None:
    first, second = RANDOM.normal(size=(6, 8)).astype(np.float32), RANDOM.normal(size=(6, 8)).astype(np.float32)
    own = RANDOM.integers(8, size=6)
    found = reranked(first, second, own, 0.5, 3)
    for caption in range(6):
        order = sorted(range(8), key=lambda image: -first[caption, image])
        head = sorted(order[:3], key=lambda image: -(first[caption, image] + 0.5 * second[caption, image]))
        assert found[caption] == [*head, *order[3:]].index(own[caption]) + 1


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
