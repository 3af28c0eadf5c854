"""Exact search with FAISS: every vector is compared, in float32, where it lies in the memory-mapped file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import faiss
import numpy as np

from indexer.store.base import IndexDescription, Mask, Rows, SavedIndex
from models.types import Vectors


class FlatStore:
    """A scan of all ``(N, D)`` vectors: no loss, time proportional to N, no memory but the page cache's."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self.size, self.dimension = vectors.shape

    def search(self, queries: Vectors, k: int, *, allowed: Mask | None = None) -> tuple[Vectors, Rows]:
        """See ``VectorStore.search``."""
        return scan(self._vectors, queries, k, allowed)


class FlatKind:
    """Exact, for every set; the vectors' own file is the index.

    Earlier versions wrote the same bytes once more as an ``IndexFlatIP``; such a file is checked and not read.
    """

    name = "flat"
    exact = True

    def build(self, vectors: Vectors, *, seed: int) -> Iterator[FlatStore]:  # noqa: ARG002 - nothing here is random
        """See ``IndexKind.build``; N may be 0."""
        yield FlatStore(vectors)

    def save(self, store: FlatStore, stem: Path) -> SavedIndex:  # noqa: ARG002 - nothing to write
        """See ``IndexKind.save``."""
        return SavedIndex()

    def open(self, saved: SavedIndex, vectors: Vectors) -> FlatStore:  # noqa: ARG002 - nothing to read
        """See ``IndexKind.open``."""
        return FlatStore(vectors)

    def describe(self, recall_at_10: float) -> IndexDescription:
        """See ``IndexKind.describe``."""
        return IndexDescription(self.name, self.exact, recall_at_10)


def scan(vectors: Vectors, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Vectors, Rows]:
    """Compare every allowed row of ``(N, D)`` vectors, reading no other; see ``VectorStore.search``."""
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    scores, rows = _nearest(vectors, queries, k + 1, allowed)  # one more than asked for tells whether the k-th is tied
    tied = np.flatnonzero(np.isfinite(scores[:, k]) & (scores[:, k] == scores[:, k - 1]))
    scores, rows = scores[:, :k], rows[:, :k]
    for query in tied:  # FAISS keeps any of the rows that tie at the k-th place: rank all, so that the lower ones win
        every = len(vectors) if allowed is None else int(np.count_nonzero(allowed))
        ranked = _nearest(vectors, queries[query : query + 1], every, allowed)
        scores[query], rows[query] = ranked[0][0, :k], ranked[1][0, :k]
    return scores, rows


def _nearest(vectors: Vectors, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Vectors, Rows]:
    """Return k of the nearest rows, ordered; of those that tie at the k-th place any may be left out."""
    scores = np.empty((len(queries), k), dtype=np.float32)
    rows = np.empty((len(queries), k), dtype=np.int64)
    pointers = [faiss.swig_ptr(array) for array in (queries, vectors, scores, rows)]
    selector = None if allowed is None else select(allowed)
    with one_thread():
        faiss.knn_inner_product(*pointers[:2], vectors.shape[1], len(queries), len(vectors), k, *pointers[2:], selector)
    scores[rows < 0] = -np.inf  # FAISS pads with the lowest float
    return in_order(scores, rows)


def in_order(scores: Vectors, rows: Rows) -> tuple[Vectors, Rows]:
    """Sort the results ``(Q, k)`` of each query by descending score, equal ones by row."""
    order = np.lexsort((rows, -scores))
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep a search in the thread that calls it.

    FAISS spreads even one query over all cores and lets them spin meanwhile: requests at once would fight for them.
    OpenMP keeps the number for each calling thread, so that others are not touched.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def select(allowed: Mask) -> faiss.IDSelectorBitmap:
    """Return FAISS's form of a row filter ``(N,)``."""
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
