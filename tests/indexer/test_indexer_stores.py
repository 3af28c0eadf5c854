"""Every store answers as the brute-force oracle does."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexer.store.brute_force import BruteForceStore
from indexer.store.faiss_flat import FlatStore
from indexer.store.faiss_ivf import EXACT_BELOW_KEPT, IvfStore

ROWS, DIMENSION, LISTS = 3000, 24, 32


def unit(rows: int, seed: int, dimension: int = DIMENSION) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


VECTORS, QUERIES = unit(ROWS, 1), unit(20, 2)
ORACLE = BruteForceStore(VECTORS)


@pytest.fixture(scope="module", params=["flat", "ivf_sq8"])
def store(request, tmp_path_factory) -> FlatStore | IvfStore:
    """A store that has been on disk; the approximate one looks at every list, so that it must find all but ties."""
    path = tmp_path_factory.mktemp("store") / "index.faiss"
    if request.param == "flat":
        FlatStore.build(VECTORS).save(path)
        return FlatStore.load(path)
    IvfStore.build(VECTORS, lists=LISTS, probes=LISTS).save(path)
    return IvfStore.load(path, VECTORS, lists=LISTS, probes=LISTS)


def test_the_oracle_sorts_and_gives_ties_to_the_lower_row():
    vectors = np.array([[0, 1], [1, 0], [1, 0], [-1, 0]], dtype=np.float32)
    scores, rows = BruteForceStore(vectors).search(np.array([[1, 0]], dtype=np.float32), 3)
    assert rows.tolist() == [[1, 2, 0]]
    assert scores.tolist() == [[1, 1, 0]]


def test_a_store_finds_what_the_oracle_finds(store):
    scores, rows = store.search(QUERIES, 10)
    truth, true_rows = ORACLE.search(QUERIES, 10)
    assert np.mean(rows == true_rows) > 0.99
    np.testing.assert_allclose(scores, truth, atol=1e-3)


def test_scores_are_exact_inner_products_in_descending_order(store):
    scores, rows = store.search(QUERIES, 10)
    np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", VECTORS[rows], QUERIES), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("kept", [0.5, 0.1, EXACT_BELOW_KEPT / 2, 3 / ROWS])
def test_a_filter_is_obeyed_and_loses_nothing(store, kept):
    allowed = np.random.default_rng(3).random(ROWS) < kept
    allowed[7] = True
    _, rows = store.search(QUERIES, 5, allowed=allowed)
    _, truth = ORACLE.search(QUERIES, 5, allowed=allowed)
    assert allowed[rows[rows >= 0]].all()
    assert np.mean(rows == truth) > 0.97


def test_a_filter_that_keeps_nothing_finds_nothing(store):
    scores, rows = store.search(QUERIES, 3, allowed=np.zeros(ROWS, dtype=bool))
    assert (rows == -1).all()
    assert np.isneginf(scores).all()


def test_asking_for_more_than_there_is_pads_with_no_row(store):
    allowed = np.zeros(ROWS, dtype=bool)
    allowed[[5, 9]] = True
    scores, rows = store.search(QUERIES, 4, allowed=allowed)
    assert set(rows[0, :2]) == {5, 9}
    assert (rows[:, 2:] == -1).all()
    assert np.isneginf(scores[:, 2:]).all()


def test_a_large_k_finds_enough_although_few_lists_are_probed():
    store = IvfStore.build(VECTORS, lists=LISTS, probes=1)
    _, rows = store.search(QUERIES[:1], 500)
    assert (rows >= 0).all()
    assert len(set(rows[0])) == 500


def test_an_empty_store_finds_nothing():
    for store in (FlatStore.build(np.empty((0, 4), np.float32)), BruteForceStore(np.empty((0, 4), np.float32))):
        scores, rows = store.search(unit(2, 1, 4), 3)
        assert rows.shape == scores.shape == (2, 3)
        assert (rows == -1).all()


def test_searches_at_once_with_different_filters_do_not_disturb_each_other(store):
    masks = [np.arange(ROWS) % n == 0 for n in (2, 3, 5, 60)]
    alone = [store.search(QUERIES[:1], 10, allowed=mask)[1] for mask in masks]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: store.search(QUERIES[:1], 10, allowed=masks[i % 4])[1], range(400)))
    assert all((rows == alone[i % 4]).all() for i, rows in enumerate(together))


def test_a_search_stays_in_the_thread_that_calls_it():
    program = """if True:
        import os, numpy, faiss
        from indexer.store.faiss_flat import FlatStore
        from indexer.store.faiss_ivf import IvfStore
        vectors = numpy.random.default_rng(1).random((20_000, 16), numpy.float32)
        ivf = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(16), 16, 2, faiss.ScalarQuantizer.QT_8bit, 0)
        faiss.omp_set_num_threads(1)
        ivf.train(vectors); ivf.add(vectors); flat = FlatStore.build(vectors)
        faiss.omp_set_num_threads(4)
        few = numpy.arange(20_000) % 50 == 0
        before = len(os.listdir("/proc/self/task"))
        for store in (flat, IvfStore(ivf, vectors, 2)):
            for allowed in (None, few, ~few):
                store.search(vectors[:1], 10, allowed=allowed)
        assert len(os.listdir("/proc/self/task")) == before
        assert faiss.omp_get_max_threads() == 4
    """
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


def test_a_file_of_another_kind_of_index_is_refused(tmp_path):
    FlatStore.build(VECTORS).save(tmp_path / "flat")
    IvfStore.build(VECTORS, lists=4, probes=1).save(tmp_path / "ivf")
    with pytest.raises(ValueError, match="not a flat"):
        FlatStore.load(tmp_path / "ivf")
    with pytest.raises(ValueError, match="not an inner-product IVF"):
        IvfStore.load(tmp_path / "flat", VECTORS, lists=4, probes=1)
    with pytest.raises(ValueError, match="4 lists, not 8"):
        IvfStore.load(tmp_path / "ivf", VECTORS, lists=8, probes=1)
