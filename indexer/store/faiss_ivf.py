"""Approximate search with FAISS for large collections: 8-bit codes in inverted lists, re-scored exactly.

The candidates come from an IVF index with scalar quantisation (a byte a dimension in memory); their scores are then
computed anew from the memory-mapped float32 vectors, so what is returned is exact though a neighbour may be missed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

from indexer.store.base import IndexDescription, Mask, Rows, SavedIndex
from indexer.store.faiss_flat import in_order, one_thread, scan, select
from indexer.store.faiss_gpu import build_on_gpu
from models.types import Vectors

EXACT_UP_TO_ROWS = 50_000  # a scan of so many is fast enough, and misses nothing
EXACT_BELOW_KEPT = 0.05  # a filter that keeps less is scanned exactly: faster, and the index would miss much

_FIRST_PROBES = 8
_PROBED_SHARE_AT_MOST = 0.25  # of the lists: beyond it the index saves too little to be worth what it misses
_CANDIDATES_PER_RESULT = 4  # how many candidates are re-scored for each result
_SCANNED_PER_RESULT = 8  # rows looked at for each result at the least, so that a large k finds enough
_TRAINING_ROWS_PER_LIST = 64
_ROWS_AT_ONCE = 65_536


class IvfStore:
    """An ``IndexIVFScalarQuantizer``; ``probes`` lists are looked at, more where a filter keeps few rows."""

    def __init__(self, index: faiss.IndexIVFScalarQuantizer, vectors: Vectors, probes: int) -> None:
        self.index, self._vectors, self.probes = index, vectors, probes
        self.size, self.dimension, self.lists = index.ntotal, index.d, index.nlist

    def with_probes(self, probes: int) -> IvfStore:
        """Return a store over the same index that looks at another number of lists."""
        return IvfStore(self.index, self._vectors, probes)

    def search(self, queries: Vectors, k: int, *, allowed: Mask | None = None) -> tuple[Vectors, Rows]:
        """See ``VectorStore.search``."""
        if allowed is None:
            return self._approximate(queries, k, None, kept=1.0)
        kept = float(allowed.mean())
        if kept < EXACT_BELOW_KEPT:
            return scan(self._vectors, queries, k, allowed)
        return self._approximate(queries, k, select(allowed), kept)

    def _approximate(
        self, queries: Vectors, k: int, selector: faiss.IDSelector | None, kept: float
    ) -> tuple[Vectors, Rows]:
        """Take candidates from the index, score them exactly, return the best k."""
        # Parameters belong to the call: setting nprobe on the shared index is a data race between requests.
        parameters = faiss.SearchParametersIVF(sel=selector, nprobe=self._probes_for(k, kept))
        with one_thread():
            _, candidates = self.index.search(queries, k * _CANDIDATES_PER_RESULT, params=parameters)
        scores = np.einsum("qcd,qd->qc", self._vectors[candidates], queries)
        scores[candidates < 0] = -np.inf
        scores, rows = in_order(scores, candidates)
        return scores[:, :k], rows[:, :k]

    def _probes_for(self, k: int, kept: float) -> int:
        """Look at as many *allowed* rows as the tuned number of lists holds, and at enough for a large k."""
        rows_a_list: float = self.size / self.lists
        probes = max(self.probes, k * _SCANNED_PER_RESULT / rows_a_list) / kept
        return min(int(self.lists), math.ceil(probes))


@dataclass(frozen=True)
class IvfKind:
    """Inverted lists of 8-bit codes, for sets too large to be scanned.

    Attributes:
        above_rows: up to so many rows it is not worth it.
    """

    above_rows: int = EXACT_UP_TO_ROWS

    name = "ivf_sq8"
    exact = False

    def build(self, vectors: Vectors, *, seed: int) -> Iterator[IvfStore]:
        """See ``IndexKind.build``: one index, of which twice as many lists are looked at each time."""
        if len(vectors) <= self.above_rows:
            return
        lists = 2 ** round(math.log2(4 * math.sqrt(len(vectors))))
        store = IvfStore(train(vectors, lists, seed), vectors, _FIRST_PROBES)
        while store.probes <= lists * _PROBED_SHARE_AT_MOST:
            yield store
            store = store.with_probes(2 * store.probes)

    def save(self, store: IvfStore, stem: Path) -> SavedIndex:
        """See ``IndexKind.save``."""
        path = stem.with_name(f"{stem.name}.faiss")
        with path.open("wb") as file:  # through a Python file, so that a full disk is an OSError like any other
            faiss.write_index(store.index, faiss.PyCallbackIOWriter(file.write))
        return SavedIndex(path, {"lists": store.lists, "probes": store.probes})

    def open(self, saved: SavedIndex, vectors: Vectors) -> IvfStore:
        """See ``IndexKind.open``."""
        if saved.file is None or saved.parameters.keys() != {"lists", "probes"}:
            raise ValueError(f"needs an index file and the parameters lists and probes, not {sorted(saved.parameters)}")
        index = faiss.read_index(str(saved.file))
        if not isinstance(index, faiss.IndexIVFScalarQuantizer) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise ValueError(f"holds {type(index).__name__}, not an inner-product IVF index with scalar quantiser")
        if index.nlist != saved.parameters["lists"]:
            raise ValueError(f"holds {index.nlist} lists, not {saved.parameters['lists']}")
        return IvfStore(index, vectors, saved.parameters["probes"])

    def describe(self, recall_at_10: float) -> IndexDescription:
        """See ``IndexKind.describe``."""
        return IndexDescription(self.name, self.exact, recall_at_10)


def train(vectors: Vectors, lists: int, seed: int) -> faiss.IndexIVFScalarQuantizer:
    """Index ``(N, D)`` vectors in ``lists`` cells found by spherical k-means on a sample."""
    dimension = vectors.shape[1]
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension), dimension, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.seed = seed
    sample = min(len(vectors), lists * _TRAINING_ROWS_PER_LIST)
    rows = np.sort(np.random.default_rng(seed).choice(len(vectors), sample, replace=False))

    def build(index: faiss.Index) -> None:
        index.train(np.ascontiguousarray(vectors[rows]))
        for start in range(0, len(vectors), _ROWS_AT_ONCE):
            index.add(vectors[start : start + _ROWS_AT_ONCE])

    return build_on_gpu(index, build)
