"""Exact search with FAISS: every vector is compared, in float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import faiss
import numpy as np

from indexer.store.base import Mask, Rows
from models.types import Vectors


class FlatStore:
    """An ``IndexFlatIP``: no loss, time proportional to N."""

    kind = "flat"
    exact = True
    parameters: Mapping[str, int] = MappingProxyType({})  # an exact search has nothing to set

    def __init__(self, index: faiss.IndexFlat) -> None:
        self._index = index
        self.size, self.dimension = index.ntotal, index.d

    @classmethod
    def build(cls, vectors: Vectors) -> FlatStore:
        """Index ``(N, D)`` vectors; N may be 0."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return cls(index)

    @classmethod
    def load(cls, path: Path) -> FlatStore:
        """Read an index file whose hash has been checked.

        Raises:
            ValueError: the file holds another kind of index.
        """
        index = faiss.read_index(str(path))
        if not isinstance(index, faiss.IndexFlat) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise ValueError(f"holds {type(index).__name__}, not a flat inner-product index")
        return cls(index)

    def save(self, path: Path) -> None:
        """Write the index file."""
        write_index(self._index, path)

    def search(self, queries: Vectors, k: int, *, allowed: Mask | None = None) -> tuple[Vectors, Rows]:
        """See ``VectorStore.search``."""
        selector = None if allowed is None else select(allowed)
        with one_thread():
            scores, rows = self._index.search(queries, k, params=faiss.SearchParameters(sel=selector))
        return without_padding(scores, rows)


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


def write_index(index: faiss.Index, path: Path) -> None:
    """Write an index through a Python file, so that a full disk is an ``OSError`` like any other."""
    with path.open("wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))


def select(allowed: Mask) -> faiss.IDSelectorBitmap:
    """Return FAISS's form of a row filter ``(N,)``."""
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def without_padding(scores: Vectors, rows: Rows) -> tuple[Vectors, Rows]:
    """Give the places where FAISS found no row (-1) the score -inf instead of the lowest float."""
    scores[rows < 0] = -np.inf
    return scores, rows
