"""Every kind of index in the table answers as the brute-force store does."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexer.store.arrays import load_matrix
from indexer.store.base import NO_ROW, IndexDescription, VectorStore
from indexer.store.brute_force import BruteForceStore
from indexer.store.faiss_flat import FlatKind, FlatStore
from indexer.store.faiss_ivf import EXACT_BELOW_KEPT, IvfKind, IvfStore, train
from indexer.store.index_kind import KINDS, IndexKind

ROWS, DIMENSION = 3000, 24
SIZED_FOR_TESTS: dict[str, IndexKind] = {"ivf_sq8": IvfKind(above_rows=1000)}
"""Kinds that would leave so few rows to others."""
RECALL_AT_LEAST = {"random": 0.8, "clustered": 0.98, "tied": 0.8}
"""Of the most thorough store that an approximate kind builds."""


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def random(rows: int, seed: int, dimension: int = DIMENSION) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((rows, dimension)))


def clustered(rows: int, seed: int) -> np.ndarray:
    """Vectors around 40 centres, as photographs are."""
    nearby = np.random.default_rng(seed).integers(0, 40, rows)
    return unit(random(40, 0)[nearby] + 0.5 * random(rows, seed))


def tied(rows: int, seed: int) -> np.ndarray:
    """Unit vectors of four halves, whose inner products are exact in any order of summing, and mostly alike."""
    generator = np.random.default_rng(seed)
    vectors = np.zeros((rows, DIMENSION), dtype=np.float32)
    for row in vectors:
        row[generator.choice(DIMENSION, 4, replace=False)] = generator.choice([-0.5, 0.5], 4)
    return vectors


DATA: dict[str, Callable[[int, int], np.ndarray]] = {"random": random, "clustered": clustered, "tied": tied}


def stored(kind: IndexKind, vectors: np.ndarray, folder: Path) -> VectorStore | None:
    """Return the most thorough store of a kind as it comes back from the disk; None where the kind offers none."""
    np.save(folder / "set.npy", vectors)
    matrix = load_matrix(folder / "set.npy")
    built = list(kind.build(matrix, seed=0))
    if not built:
        return None
    opened = kind.open(kind.save(built[-1], folder / "set"), matrix)
    for before, after in zip(built[-1].search(vectors[:9], 5), opened.search(vectors[:9], 5), strict=True):
        np.testing.assert_array_equal(before, after)
    return opened


@pytest.fixture(params=KINDS)
def kind(request) -> IndexKind:
    return SIZED_FOR_TESTS.get(request.param, KINDS[request.param])


@pytest.fixture(scope="module")
def ivf() -> Callable[[int], IvfStore]:
    """Gives a store over random vectors that looks at some of 64 lists."""
    vectors = random(ROWS, 1)
    return IvfStore(train(vectors, 64, seed=0), vectors, 1).with_probes


FILTERS: dict[str, Callable[[int], np.ndarray | None]] = {
    "all rows": lambda rows: None,
    "no filter in effect": lambda rows: np.ones(rows, dtype=bool),
    "half": lambda rows: np.random.default_rng(3).random(rows) < 0.5,
    "a tenth": lambda rows: np.random.default_rng(3).random(rows) < 0.1,
    "few": lambda rows: np.arange(rows) % round(2 / EXACT_BELOW_KEPT) == 1,
    "one": lambda rows: np.arange(rows) == rows - 1,
    "none": lambda rows: np.zeros(rows, dtype=bool),
}


@pytest.mark.parametrize("queries", [1, 30])
@pytest.mark.parametrize("rows", [ROWS, 7, 1, 0])
@pytest.mark.parametrize("data", DATA)
def test_every_kind_answers_as_the_oracle_does(kind, data, rows, queries, tmp_path):
    vectors, asked = DATA[data](rows, 1), DATA[data](queries, 2)
    store = stored(kind, vectors, tmp_path)
    if store is None:
        assert not kind.exact and rows < ROWS, "an exact kind serves every set, any kind serves large ones"
        return
    assert (store.size, store.dimension) == (rows, DIMENSION)
    for name, make in FILTERS.items():
        for k in (1, 10, rows + 3):
            allowed = make(rows)
            scores, found = store.search(asked, k, allowed=allowed)
            truth, true_rows = BruteForceStore(vectors).search(asked, k, allowed=allowed)
            assert (truth.dtype, true_rows.dtype) == (np.float32, np.int64)
            assert (scores.shape, found.shape, scores.dtype, found.dtype) == (
                *[(queries, k)] * 2, np.float32, np.int64,
            ), name  # fmt: skip
            check_order(scores, found, allowed)
            check_scores(vectors, asked, scores, found)
            if kind.exact:
                np.testing.assert_allclose(scores, truth, atol=1e-6)
                # Rounding may turn neighbours round whose scores are equal but for the last bit, as it sums otherwise.
                assert np.mean(found == true_rows) >= (1.0 if data == "tied" else 0.999), (name, k)
            else:
                recall = np.mean(scores >= truth[:, -1:] - 1e-6)
                assert recall >= (1.0 if name in {"few", "one", "none"} else RECALL_AT_LEAST[data]), (name, k)


def check_order(scores: np.ndarray, found: np.ndarray, allowed: np.ndarray | None) -> None:
    """Assert that each row comes once and is allowed, best first, equal scores by row, and no row at the end."""
    for line, rows in zip(scores, found, strict=True):
        present = rows[rows != NO_ROW]
        assert len(set(present)) == len(present)
        assert allowed is None or allowed[present].all()
        assert list(zip(-line, rows, strict=True)) == sorted(zip(-line, rows, strict=True))
        assert (np.isneginf(line) == (rows == NO_ROW)).all()


def check_scores(vectors: np.ndarray, queries: np.ndarray, scores: np.ndarray, found: np.ndarray) -> None:
    """Assert that scores are inner products with the exact vectors."""
    query, place = np.nonzero(found != NO_ROW)
    exact = np.vecdot(vectors[found[query, place]], queries[query])
    np.testing.assert_allclose(scores[query, place], exact, atol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 9, 150])
def test_a_longer_exact_answer_begins_with_the_shorter_one(k):
    """Pages would have gaps and doubles if which of equal rows are found depended on how many are asked for."""
    store, queries = FlatStore(tied(500, 1)), tied(3, 2)
    every = store.search(queries, 500)[1]
    np.testing.assert_array_equal(store.search(queries, k)[1], every[:, :k])


def test_the_lowest_of_equal_rows_are_kept_though_a_better_row_comes_later():
    vectors = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [1, 0]], dtype=np.float32)
    query = np.array([[1, 0]], dtype=np.float32)
    for allowed, rows in ((None, [3, 0]), (np.array([False, True, True, True]), [3, 1])):
        scores, found = FlatStore(vectors).search(query, 2, allowed=allowed)
        assert found.tolist() == [rows]
        assert scores.tolist() == [[1.0, 0.5]]


def test_the_oracle_sorts_and_gives_ties_to_the_lower_row():
    vectors = np.array([[0, 1], [1, 0], [1, 0], [-1, 0]], dtype=np.float32)
    scores, rows = BruteForceStore(vectors).search(np.array([[1, 0]], dtype=np.float32), 3)
    assert rows.tolist() == [[1, 2, 0]]
    assert scores.tolist() == [[1, 1, 0]]


def test_the_oracle_obeys_a_filter_and_pads_with_no_row():
    vectors = np.array([[0, 1], [1, 0], [1, 0], [-1, 0]], dtype=np.float32)
    queries = np.tile(np.array([[1, 0]], dtype=np.float32), (130, 1))  # more than it computes at once
    allowed = np.array([True, False, True, True])
    scores, rows = BruteForceStore(vectors).search(queries, 5, allowed=allowed)
    assert rows.tolist() == [[2, 0, 3, -1, -1]] * 130
    assert scores.tolist() == [[1, 0, -1, -np.inf, -np.inf]] * 130


def test_an_index_over_all_lists_misses_only_what_8_bits_cannot_tell_apart(ivf):
    queries = random(30, 2)
    _, rows = ivf(64).search(queries, 10)
    assert np.mean(rows == BruteForceStore(random(ROWS, 1)).search(queries, 10)[1]) > 0.995


def lists_looked_at(search: Callable[[], object]) -> int:
    faiss.cvar.indexIVF_stats.reset()
    search()
    return faiss.cvar.indexIVF_stats.nlist


@pytest.mark.parametrize(
    ("probes", "every", "k", "lists"),
    [
        (8, 1, 10, 8),  # as tuned
        (8, 2, 10, 16),  # half of the rows are allowed: twice the lists hold as many
        (8, 4, 10, 32),
        (8, 10, 10, 64),  # 80 lists: there are only 64
        (8, 50, 10, 0),  # so few rows are compared one by one
        (1, 1, 10, 2),  # eight rows for each result, 46.9 a list: 1.7 lists
        (8, 1, 100, 18),  # 17.1 lists
        (8, 2, 100, 35),  # 34.1 lists
    ],
)
def test_as_many_lists_are_looked_at_as_hold_enough_allowed_rows(ivf, probes, every, k, lists):
    allowed = None if every == 1 else np.arange(ROWS) % every == 0
    assert lists_looked_at(lambda: ivf(probes).search(random(1, 2), k, allowed=allowed)) == lists


def test_a_filter_loses_no_more_than_searching_everything_does(ivf):
    store, queries, allowed = ivf(16), random(50, 2), np.arange(ROWS) % 5 == 0
    oracle = BruteForceStore(random(ROWS, 1))
    truth = oracle.search(queries, 10)[0], oracle.search(queries, 10, allowed=allowed)[0]
    found = store.search(queries, 10)[0], store.search(queries, 10, allowed=allowed)[0]
    everything, filtered = (np.mean(f >= t[:, -1:] - 1e-6) for f, t in zip(found, truth, strict=True))
    assert everything < 0.9  # few lists: what is missed would show
    assert filtered > 0.95  # five times as many lists: all


def test_a_filter_of_exactly_the_share_is_left_to_the_index(ivf):
    allowed = np.arange(ROWS) < ROWS * EXACT_BELOW_KEPT
    assert lists_looked_at(lambda: ivf(8).search(random(1, 2), 5, allowed=allowed)) == 64
    allowed[0] = False
    assert lists_looked_at(lambda: ivf(8).search(random(1, 2), 5, allowed=allowed)) == 0


def test_a_large_k_finds_enough_although_few_lists_are_probed(ivf):
    _, rows = ivf(1).search(random(1, 2), 500)
    assert (rows >= 0).all()
    assert len(set(rows[0])) == 500


def test_an_index_asked_for_every_row_finds_every_row(ivf):
    _, rows = ivf(1).search(random(2, 2), ROWS)
    assert (np.sort(rows) == np.arange(ROWS)).all()


def test_no_row_is_trained_on_twice():
    index = train(np.eye(16, dtype=np.float32), 16, seed=0)
    assert [index.invlists.list_size(number) for number in range(16)] == [1] * 16


def test_queries_may_be_of_another_type_and_lie_anywhere(kind, tmp_path):
    store, queries = stored(kind, clustered(ROWS, 1), tmp_path), clustered(8, 2)
    few = np.arange(ROWS) % 50 == 0
    for allowed in (None, few):
        expected = store.search(queries[::2], 10, allowed=allowed)
        for other in (queries.astype(np.float64)[::2], np.asfortranarray(queries)[::2]):
            for part, same in zip(store.search(other, 10, allowed=allowed), expected, strict=True):
                np.testing.assert_allclose(part, same, atol=1e-6)


@pytest.mark.parametrize("rows", [70_000, 200])  # more than are added at once; few enough to train on all
def test_the_same_seed_gives_the_same_index_and_every_row_is_in_it(rows):
    vectors = clustered(rows, 1)[:, :4].copy()
    first, again, other = (faiss.serialize_index(train(vectors, 16, seed=seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert faiss.deserialize_index(first).ntotal == rows


def test_an_approximate_kind_offers_twice_as_many_lists_each_time_up_to_a_quarter_of_them():
    stores = list(IvfKind(above_rows=2999).build(random(ROWS, 1), seed=0))
    assert [(store.lists, store.probes) for store in stores] == [(256, 8), (256, 16), (256, 32), (256, 64)]
    assert len({id(store.index) for store in stores}) == 1
    fewer = IvfKind(above_rows=1000).build(random(1500, 1), seed=0)
    assert [(store.lists, store.probes) for store in fewer] == [(128, 8), (128, 16), (128, 32)]
    assert not list(IvfKind(above_rows=3000).build(random(ROWS, 1), seed=0))


def test_searches_at_once_with_different_filters_do_not_disturb_each_other(kind, tmp_path):
    vectors, queries = clustered(ROWS, 1), clustered(1, 2)
    store = stored(kind, vectors, tmp_path)
    masks = [np.arange(ROWS) % n == 0 for n in (2, 3, 5, 60)]
    alone = [store.search(queries, 10, allowed=mask)[1] for mask in masks]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: store.search(queries, 10, allowed=masks[i % 4])[1], range(400)))
    assert all((rows == alone[i % 4]).all() for i, rows in enumerate(together))


def test_a_search_stays_in_the_thread_that_calls_it():
    program = """if True:
        import os, numpy, faiss
        from indexer.store.faiss_flat import FlatStore
        from indexer.store.faiss_ivf import IvfStore
        vectors = numpy.random.default_rng(1).random((20_000, 16), numpy.float32)
        ivf = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(16), 16, 2, faiss.ScalarQuantizer.QT_8bit, 0)
        faiss.omp_set_num_threads(1)
        ivf.train(vectors); ivf.add(vectors)
        faiss.omp_set_num_threads(4)
        few = numpy.arange(20_000) % 50 == 0
        before = len(os.listdir("/proc/self/task"))
        for store in (FlatStore(vectors), IvfStore(ivf, vectors, 2)):
            for allowed in (None, few, ~few):
                store.search(vectors[:1], 10, allowed=allowed)
        assert len(os.listdir("/proc/self/task")) == before
        assert faiss.omp_get_max_threads() == 4
    """
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


def test_each_kind_is_described_by_its_name_its_exactness_and_what_was_measured():
    described = {name: known.describe(0.97) for name, known in KINDS.items()}
    assert described == {
        "ivf_sq8": IndexDescription("ivf_sq8", exact=False, recall_at_10=0.97),
        "flat": IndexDescription("flat", exact=True, recall_at_10=0.97),
    }


def test_a_flat_index_writes_no_file_and_reads_rows_where_they_lie(tmp_path):
    vectors = random(50, 1)
    np.save(tmp_path / "set.npy", vectors)
    matrix = load_matrix(tmp_path / "set.npy")
    kind = FlatKind()
    (store,) = kind.build(matrix, seed=0)
    saved = kind.save(store, tmp_path / "set")
    assert (saved.file, saved.parameters) == (None, {})
    assert [path.name for path in tmp_path.iterdir()] == ["set.npy"]
    changed = np.load(tmp_path / "set.npy", mmap_mode="r+")
    opened = kind.open(saved, matrix)
    changed[7] = -changed[3]
    assert opened.search(-vectors[3:4], 1)[1].tolist() == [[7]]


def test_an_index_file_is_refused_where_it_is_not_what_was_saved(tmp_path):
    kind, vectors = IvfKind(above_rows=0), random(ROWS, 1)
    saved = kind.save(next(kind.build(vectors, seed=0)), tmp_path / "toy.image")
    assert (saved.file, saved.parameters) == (tmp_path / "toy.image.faiss", {"lists": 256, "probes": 8})
    assert kind.open(saved, vectors).probes == 8
    flat, metric = tmp_path / "flat", tmp_path / "metric"
    faiss.write_index(faiss.IndexFlatIP(4), str(flat))
    faiss.write_index(
        faiss.IndexIVFScalarQuantizer(faiss.IndexFlatL2(4), 4, 2, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2),
        str(metric),
    )
    for file, parameters, reason in (
        (flat, saved.parameters, "IndexFlatIP, not an inner-product IVF"),
        (metric, {"lists": 2, "probes": 8}, "not an inner-product IVF"),
        (saved.file, {"lists": 128, "probes": 8}, "256 lists, not 128"),
        (saved.file, {"lists": 256}, "needs an index file and the parameters lists and probes, not .'lists'"),
        (saved.file, {"lists": 256, "probes": 8, "depth": 2}, "needs .* the parameters"),
        (None, saved.parameters, "needs an index file"),
    ):
        with pytest.raises(ValueError, match=reason):
            kind.open(type(saved)(file, parameters), vectors)
