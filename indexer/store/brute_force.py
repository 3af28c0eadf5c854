"""The oracle: every inner product, sorted. Slow and obvious; every other store is measured against it."""

from __future__ import annotations

import numpy as np

from indexer.store.base import NO_ROW, Mask, Rows
from models.types import Vectors

_QUERIES_AT_ONCE = 64  # bounds the score matrix to 64 x N


class BruteForceStore:
    """Search by computing all scores with NumPy; ties go to the lower row."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self.size, self.dimension = vectors.shape

    def search(self, queries: Vectors, k: int, *, allowed: Mask | None = None) -> tuple[Vectors, Rows]:
        """See ``VectorStore.search``."""
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), NO_ROW, dtype=np.int64)
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            part = slice(start, start + _QUERIES_AT_ONCE)
            every = queries[part] @ self._vectors.T
            if allowed is not None:
                every[:, ~allowed] = -np.inf
            best = np.argsort(-every, axis=1, kind="stable")[:, :k]
            scores[part, : best.shape[1]] = np.take_along_axis(every, best, axis=1)
            rows[part, : best.shape[1]] = best
        rows[np.isneginf(scores)] = NO_ROW
        return scores, rows
