"""The index is chosen by what it finds."""

from collections.abc import Iterator

import numpy as np
import pytest

from indexer.store.brute_force import BruteForceStore
from indexer.store.faiss_flat import FlatKind, FlatStore
from indexer.store.faiss_ivf import IvfKind
from indexer.store.index_kind import KINDS
from indexer.tune import RECALL_WANTED, choose_index, recall_against, sample_queries

SMALL = (IvfKind(above_rows=1000), FlatKind())


def unit(rows: int, seed: int, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clustered(rows: int) -> np.ndarray:
    """Vectors around 50 centres, as photographs are: an inverted index can work."""
    vectors = unit(50, 1)[np.random.default_rng(2).integers(0, 50, rows)] + 0.4 * unit(rows, 3)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class FirstRows(FlatKind):
    """Knows only the first rows: as many as ``known``, one store each."""

    name, exact = "first_rows", False

    def __init__(self, *known: int) -> None:
        self.known = known
        self.seeds: list[int] = []

    def build(self, vectors: np.ndarray, *, seed: int) -> Iterator[FlatStore]:
        self.seeds.append(seed)
        yield from (FlatStore(vectors[:rows]) for rows in self.known)


def test_a_small_set_is_searched_exactly():
    for rows in (0, 500):
        chosen = choose_index(unit(rows, 1), unit(10, 2), KINDS.values())
        assert isinstance(chosen.store, FlatStore)
        assert (chosen.kind, chosen.recall_at_10) == (KINDS["flat"], 1.0)


def test_a_large_set_gets_an_index_that_finds_what_it_must():
    vectors = clustered(6000)
    chosen = choose_index(vectors, vectors[::100], SMALL)
    assert chosen.kind is SMALL[0]
    truth, _ = BruteForceStore(vectors).search(vectors[::60], 10)
    assert chosen.recall_at_10 >= RECALL_WANTED
    assert (
        recall_against(truth, chosen.store, vectors[::60]) > RECALL_WANTED - 0.03
    )  # other queries than it was tuned on


def test_a_set_that_no_index_serves_well_is_searched_exactly():
    # Directions without any structure: neighbours are scattered over all lists.
    chosen = choose_index(unit(4000, 1, 64), unit(50, 2, 64), SMALL)
    assert chosen.kind is SMALL[1]


def test_the_first_store_that_finds_enough_is_taken_and_its_recall_told():
    vectors = np.eye(100, dtype=np.float32)
    queries = np.tile(np.linspace(1, 0, 100, dtype=np.float32), (3, 1))  # the nearest ten are rows 0 to 9
    kind = FirstRows(5, 9, 10, 100)
    chosen = choose_index(vectors, queries, [kind, FlatKind()], seed=7)
    assert (chosen.kind, chosen.store.size, chosen.recall_at_10) == (kind, 10, 1.0)
    assert kind.seeds == [7]
    queries[0] = queries[0, ::-1]
    exact = FlatKind()
    assert choose_index(vectors, queries, [FirstRows(10, 99), exact]).kind is exact


@pytest.mark.parametrize(("missed", "recall"), [(1, 0.98), (2, 1.0)])
def test_an_approximate_store_may_miss_one_neighbour_in_fifty(missed, recall):
    vectors = np.eye(100, dtype=np.float32)
    queries = np.tile(np.linspace(1, 0, 100, dtype=np.float32), (5, 1))
    queries[:missed, 99] = 0.95  # of these queries row 99 is among the nearest ten
    assert choose_index(vectors, queries, [FirstRows(50, 100)]).recall_at_10 == recall


def test_without_queries_to_measure_with_only_an_exact_kind_is_chosen():
    kind, exact = FirstRows(100), FlatKind()
    assert choose_index(unit(100, 1), unit(0, 2), [kind, exact]).kind is exact
    assert kind.seeds == []


def test_a_table_without_an_exact_kind_may_have_none_that_serves():
    with pytest.raises(ValueError, match="finds 98% of the nearest rows: an exact one must be among them"):
        choose_index(unit(100, 1), unit(5, 2), [FirstRows(1, 2)])


def test_the_share_found_is_of_all_neighbours_of_all_queries():
    vectors, queries = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)
    truth, _ = BruteForceStore(vectors).search(queries, 1)
    assert recall_against(truth, BruteForceStore(vectors[:3]), queries) == 0.75


def test_nothing_is_missed_where_there_are_fewer_rows_than_are_asked_for():
    kind = FirstRows(4)
    chosen = choose_index(unit(4, 1), unit(5, 2), [kind])
    assert (chosen.recall_at_10, kind.seeds) == (1.0, [0])


def test_recall_counts_rows_that_are_as_near_as_the_last():
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    truth = np.array([[1.0]], dtype=np.float32)
    assert recall_against(truth, BruteForceStore(vectors[::-1]), vectors[:1]) == 1.0
    assert recall_against(truth, BruteForceStore(vectors[2:]), vectors[:1]) == 0.0


@pytest.mark.parametrize(("less", "recall"), [(5e-6, 1.0), (2e-5, 0.0)])
def test_what_rounding_takes_away_is_no_miss(less, recall):
    query = np.array([[1.0, 0.0]], dtype=np.float32)
    found = np.array([[1 - less, 0.0]], dtype=np.float32)
    assert recall_against(np.array([[1.0]], dtype=np.float32), BruteForceStore(found), query) == recall


def test_queries_are_sampled_from_both_sides_and_always_the_same():
    own, other = unit(400, 1), unit(3, 2)
    queries = sample_queries(own, other, count=100)
    assert queries.shape == (53, 16)
    assert (queries[-3:] == other).all()
    assert (queries == sample_queries(own, other, count=100)).all()
    assert (queries != sample_queries(own, other, count=100, seed=1)).any()
    assert len(np.unique(queries, axis=0)) == 53  # none twice
    assert queries.flags.c_contiguous
    assert sample_queries(own, own).shape == (256, 16)
    assert sample_queries(own[:0], other[:0]).shape == (0, 16)
