"""Approximate search with FAISS for large collections: 8-bit codes in inverted lists, re-scored exactly.

The candidates come from an IVF index with scalar quantisation (a byte a dimension in memory); their scores are then
computed anew from the memory-mapped float32 vectors, so what is returned is exact though a neighbour may be missed.
"""

from __future__ import annotations

import math
from pathlib import Path

import faiss
import numpy as np

from indexer.store.base import Mask, Rows
from indexer.store.faiss_flat import one_thread, select, without_padding, write_index
from models.types import Vectors

EXACT_BELOW_KEPT = 0.05  # a filter that keeps less is scanned exactly: faster, and the index would miss much
_CANDIDATES_PER_RESULT = 4  # how many candidates are re-scored for each result
_SCANNED_PER_RESULT = 8  # rows looked at for each result at the least, so that a large k finds enough
_TRAINING_ROWS_PER_LIST = 64
_ROWS_AT_ONCE = 65_536


class IvfStore:
    """An ``IndexIVFScalarQuantizer``; ``probes`` lists are looked at, more where a filter keeps few rows."""

    kind = "ivf_sq8"
    exact = False

    def __init__(self, index: faiss.IndexIVFScalarQuantizer, vectors: Vectors, probes: int) -> None:
        self._index, self._vectors, self.probes = index, vectors, probes
        self.size, self.dimension, self.lists = index.ntotal, index.d, index.nlist

    @classmethod
    def build(cls, vectors: Vectors, *, lists: int, probes: int, seed: int = 0) -> IvfStore:
        """Index ``(N, D)`` vectors in ``lists`` cells found by spherical k-means on a sample."""
        quantizer = faiss.IndexFlatIP(vectors.shape[1])
        index = faiss.IndexIVFScalarQuantizer(
            quantizer, vectors.shape[1], lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.seed, index.cp.max_points_per_centroid = seed, _TRAINING_ROWS_PER_LIST
        sample = min(len(vectors), lists * _TRAINING_ROWS_PER_LIST)
        rows = np.sort(np.random.default_rng(seed).choice(len(vectors), sample, replace=False))
        index.train(np.ascontiguousarray(vectors[rows]))
        for start in range(0, len(vectors), _ROWS_AT_ONCE):
            index.add(vectors[start : start + _ROWS_AT_ONCE])
        return cls(index, vectors, probes)

    @classmethod
    def load(cls, path: Path, vectors: Vectors, *, lists: int, probes: int) -> IvfStore:
        """Read an index file whose hash has been checked.

        Raises:
            ValueError: the file holds another kind of index, or another number of lists.
        """
        index = faiss.read_index(str(path))
        if not isinstance(index, faiss.IndexIVFScalarQuantizer) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise ValueError(f"holds {type(index).__name__}, not an inner-product IVF index with scalar quantiser")
        if index.nlist != lists:
            raise ValueError(f"holds {index.nlist} lists, not {lists}")
        return cls(index, vectors, probes)

    def with_probes(self, probes: int) -> IvfStore:
        """Return a store over the same index that looks at another number of lists."""
        return IvfStore(self._index, self._vectors, probes)

    @property
    def parameters(self) -> dict[str, int]:
        """What ``load`` needs beside the file."""
        return {"lists": self.lists, "probes": self.probes}

    def save(self, path: Path) -> None:
        """Write the index file."""
        write_index(self._index, path)

    def search(self, queries: Vectors, k: int, *, allowed: Mask | None = None) -> tuple[Vectors, Rows]:
        """See ``VectorStore.search``."""
        if allowed is None:
            return self._approximate(queries, k, None, kept=1.0)
        kept = float(allowed.mean()) if allowed.size else 0.0
        if kept < EXACT_BELOW_KEPT:
            return self._scan(queries, k, allowed)
        return self._approximate(queries, k, select(allowed), kept)

    def _scan(self, queries: Vectors, k: int, allowed: Mask) -> tuple[Vectors, Rows]:
        """Compare the few allowed rows exactly, reading no other row from the memory-mapped file."""
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        scores = np.empty((len(queries), k), dtype=np.float32)
        rows = np.empty((len(queries), k), dtype=np.int64)
        pointers = [faiss.swig_ptr(array) for array in (queries, self._vectors, scores, rows)]
        selector = select(allowed)
        with one_thread():
            faiss.knn_inner_product(*pointers[:2], self.dimension, len(queries), self.size, k, *pointers[2:], selector)
        return without_padding(scores, rows)

    def _approximate(
        self, queries: Vectors, k: int, selector: faiss.IDSelector | None, kept: float
    ) -> tuple[Vectors, Rows]:
        """Take candidates from the index, score them exactly, return the best k."""
        # Parameters belong to the call: setting nprobe on the shared index is a data race between requests.
        parameters = faiss.SearchParametersIVF(sel=selector, nprobe=self._probes_for(k, kept))
        with one_thread():
            _, candidates = self._index.search(queries, k * _CANDIDATES_PER_RESULT, params=parameters)
        scores = np.einsum("qcd,qd->qc", self._vectors[candidates], queries)
        scores[candidates < 0] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(candidates, best, axis=1)

    def _probes_for(self, k: int, kept: float) -> int:
        """Look at as many *allowed* rows as the tuned number of lists holds, and at enough for a large k."""
        rows_a_list: float = self.size / self.lists
        probes = max(self.probes, k * _SCANNED_PER_RESULT / rows_a_list) / kept
        return min(int(self.lists), math.ceil(probes))
