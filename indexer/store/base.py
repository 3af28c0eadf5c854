"""The VectorStore protocol, the vector set of one model and side, and the feature array of one matcher.

Vectors are unit-length float32, ``(N, D)``; scores are inner products, larger is better; a vector's row is its
position, 0 to N - 1, and the catalog knows which image or caption a row is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.calibration import null_rows
from models.types import Features, Side, Vectors

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

NO_ROW = -1


class VectorStore(Protocol):
    """An immutable set of vectors to search, from any number of threads at once."""

    @property
    def kind(self) -> str:
        """The sort of index."""
        ...

    @property
    def exact(self) -> bool:
        """Whether the nearest rows are always found."""
        ...

    @property
    def dimension(self) -> int:
        """D, of every vector."""
        ...

    @property
    def size(self) -> int:
        """N, the number of vectors."""
        ...

    def search(self, queries: Vectors, k: int, *, allowed: Mask | None = None) -> tuple[Vectors, Rows]:
        """Find the k nearest rows of each query.

        Args:
            queries: ``(Q, D)``.
            k: how many; at least 1.
            allowed: ``(N,)``; rows that are False are never returned.

        Returns:
            Scores ``(Q, k)``, descending, and rows ``(Q, k)``. The scores are inner products with the exact vectors,
            whatever the index is. Where fewer than k rows exist the row is -1 and the score -inf.
        """
        ...


@dataclass(frozen=True)
class VectorSet:
    """The vectors of one model and side in one generation."""

    model: str
    weights_sha256: str
    preprocessing_digest: str
    side: Side
    dimension: int
    metric: Literal["inner_product"]
    index_kind: str
    exact: bool
    recall_at_10: float
    store: VectorStore
    matrix: Vectors = field(repr=False)

    def vectors(self, rows: Sequence[int]) -> Vectors:
        """Return the exact vectors of rows, ``(len(rows), D)``, a copy.

        Raises:
            IndexError: a row is outside 0 to N - 1.
        """
        return _rows_of(self.matrix, rows)

    @cached_property
    def sample(self) -> Vectors:
        """Some rows that stand for all where a query's null distribution is asked for; kept in memory once read."""
        return self.vectors(null_rows(len(self.matrix)).tolist())


@dataclass(frozen=True)
class FeatureArray:
    """What a matcher keeps of the images of one generation, one row an image."""

    matcher: str
    weights_sha256: str
    preprocessing_digest: str
    matrix: Features = field(repr=False)

    def features(self, rows: Sequence[int]) -> Features:
        """Return the features of rows, ``(len(rows), *shape)``, a copy.

        Raises:
            IndexError: a row is outside 0 to N - 1.
        """
        return _rows_of(self.matrix, rows)


def load_matrix(path: Path, rows: int) -> NDArray[Any]:
    """Memory-map an array of rows; where it has none there is nothing to map, and it is read."""
    matrix: NDArray[Any] = np.load(path, mmap_mode="r" if rows else None, allow_pickle=False)
    return matrix.view(np.ndarray)


def _rows_of(matrix: NDArray[Any], rows: Sequence[int]) -> NDArray[Any]:
    asked = np.asarray(rows, dtype=np.int64)
    if asked.size and (asked.min() < 0 or asked.max() >= len(matrix)):
        raise IndexError(f"rows must be 0 to {len(matrix) - 1}, got {asked.min()} to {asked.max()}")
    return np.ascontiguousarray(matrix[asked])
