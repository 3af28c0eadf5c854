"""The index is chosen by what it finds."""

import numpy as np

from indexer.store.brute_force import BruteForceStore
from indexer.tune import RECALL_WANTED, choose_index, recall_against, sample_queries


def unit(rows: int, seed: int, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clustered(rows: int) -> np.ndarray:
    """Vectors around 50 centres, as photographs are: an inverted index can work."""
    vectors = unit(50, 1)[np.random.default_rng(2).integers(0, 50, rows)] + 0.4 * unit(rows, 3)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_small_set_is_searched_exactly():
    chosen = choose_index(unit(500, 1), unit(10, 2))
    assert chosen.store.exact
    assert chosen.recall_at_10 == 1.0


def test_a_large_set_gets_an_index_that_finds_what_it_must():
    vectors = clustered(6000)
    chosen = choose_index(vectors, vectors[::100], exact_up_to_rows=1000)
    assert chosen.store.kind == "ivf_sq8"
    truth, _ = BruteForceStore(vectors).search(vectors[::60], 10)
    assert chosen.recall_at_10 >= RECALL_WANTED
    assert (
        recall_against(truth, chosen.store, vectors[::60]) > RECALL_WANTED - 0.03
    )  # other queries than it was tuned on


def test_a_set_that_no_index_serves_well_is_searched_exactly():
    # Directions without any structure: neighbours are scattered over all lists.
    chosen = choose_index(unit(4000, 1, 64), unit(50, 2, 64), exact_up_to_rows=1000)
    assert chosen.store.exact


def test_recall_counts_rows_that_are_as_near_as_the_last():
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    truth = np.array([[1.0]], dtype=np.float32)
    assert recall_against(truth, BruteForceStore(vectors[::-1]), vectors[:1]) == 1.0
    assert recall_against(truth, BruteForceStore(vectors[2:]), vectors[:1]) == 0.0


def test_queries_are_sampled_from_both_sides_and_always_the_same():
    own, other = unit(400, 1), unit(3, 2)
    queries = sample_queries(own, other, count=100)
    assert queries.shape == (53, 16)
    assert (queries[-3:] == other).all()
    assert (queries == sample_queries(own, other, count=100)).all()
    assert sample_queries(own[:0], other[:0]).shape == (0, 16)
