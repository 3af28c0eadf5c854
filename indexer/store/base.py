"""The VectorStore protocol: what can be searched, whatever index is behind it.

Vectors are unit-length float32, ``(N, D)``; scores are inner products, larger is better; a vector's row is its
position, 0 to N - 1, and the catalog knows which image or caption a row is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.types import Vectors

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

NO_ROW = -1


class VectorStore(Protocol):
    """An immutable set of vectors to search, from any number of threads at once."""

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

        Equal scores go by row, the lower one first. An exact store keeps to that at the k-th place too, so that a
        longer answer begins with the shorter one.

        Args:
            queries: ``(Q, D)``.
            k: how many; at least 1.
            allowed: ``(N,)``; rows that are False are never returned.

        Returns:
            Scores ``(Q, k)``, descending, and rows ``(Q, k)``. The scores are inner products with the exact vectors,
            whatever the index is. Where fewer than k rows exist the row is -1 and the score -inf.
        """
        ...


@runtime_checkable
class RemoteStore(Protocol):
    """A store that needs a server."""

    def check(self) -> None:
        """Ask the server whether it can be searched.

        Raises:
            EngineAwayError: it does not answer.
        """
        ...


@dataclass(frozen=True)
class SavedIndex:
    """What is needed, beside the vectors, to open an index again.

    Attributes:
        file: that the index was written to; None for a kind that needs nothing but the vectors.
        parameters: that the file does not hold, such as the number of inverted lists to look at.
    """

    file: Path | None = None
    parameters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class IndexDescription:
    """What those who search are told of an index.

    Attributes:
        kind: its name.
        exact: whether the nearest rows are always found.
        recall_at_10: share of the ten true nearest rows that it found when it was built.
    """

    kind: str
    exact: bool
    recall_at_10: float
