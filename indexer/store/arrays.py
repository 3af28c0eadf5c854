"""The arrays of an open generation, memory-mapped: vectors of one model and side, features of one matcher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.store.base import VectorStore
from indexer.store.manifest import FeatureArrayEntry, VectorSetEntry
from models.calibration import sample_rows
from models.cards import ModelIdentity
from models.types import Features, Vectors


@dataclass(frozen=True)
class VectorSet:
    """The vectors of one model and side in one generation.

    Attributes:
        entry: what the manifest says of them.
        store: searches them.
        matrix: the exact vectors, ``(N, D)``.
    """

    entry: VectorSetEntry
    store: VectorStore
    matrix: Vectors = field(repr=False)

    @property
    def identity(self) -> ModelIdentity:
        """What made the vectors."""
        return self.entry.identity

    @property
    def dimension(self) -> int:
        """D, of every vector."""
        return self.entry.dimension

    def vectors(self, rows: Sequence[int]) -> Vectors:
        """Return the exact vectors of rows, ``(len(rows), D)``, a copy.

        Raises:
            IndexError: a row is outside 0 to N - 1.
        """
        return _rows_of(self.matrix, rows)

    @cached_property
    def sample(self) -> Vectors:
        """Some rows that stand for a reference set where the model has none; kept in memory once read."""
        return self.vectors(sample_rows(len(self.matrix)).tolist())


@dataclass(frozen=True)
class FeatureArray:
    """What a matcher keeps of the images of one generation, one row an image.

    Attributes:
        entry: what the manifest says of them.
        matrix: the features, ``(N, *shape)``.
    """

    entry: FeatureArrayEntry
    matrix: Features = field(repr=False)

    @property
    def identity(self) -> ModelIdentity:
        """What made the features."""
        return self.entry.identity

    def features(self, rows: Sequence[int]) -> Features:
        """Return the features of rows, ``(len(rows), *shape)``, a copy.

        Raises:
            IndexError: a row is outside 0 to N - 1.
        """
        return _rows_of(self.matrix, rows)


def load_matrix(path: Path) -> NDArray[Any]:
    """Memory-map an array of rows.

    Raises:
        ValueError: the file holds no array, or one of Python objects.
    """
    matrix: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return matrix.view(np.ndarray)  # a np.memmap makes views of its own at every step, and is slower


def _rows_of(matrix: NDArray[Any], rows: Sequence[int]) -> NDArray[Any]:
    asked = np.asarray(rows, dtype=np.int64)
    if asked.size and (asked.min() < 0 or asked.max() >= len(matrix)):
        raise IndexError(f"rows must be 0 to {len(matrix) - 1}, got {asked.min()} to {asked.max()}")
    return np.ascontiguousarray(matrix[asked])
