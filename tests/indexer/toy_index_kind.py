"""A kind of index in one file, as a new one would be: clusters by the sign of each coordinate, searched exhaustively.

It writes its file as JSON, needs a parameter to be opened again, and misses what lies in none of the nearest clusters.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from indexer.store.base import IndexDescription, Mask, Rows, SavedIndex
from indexer.store.brute_force import BruteForceStore
from models.types import Vectors


class OctantStore:
    """Looks at the rows of the octants whose signs differ from the query's in at most ``differences`` coordinates."""

    def __init__(self, octants: np.ndarray, vectors: Vectors, differences: int) -> None:
        self.octants, self.differences = octants, differences
        self._oracle = BruteForceStore(vectors)
        self.size, self.dimension = len(octants), vectors.shape[1]

    def search(self, queries: Vectors, k: int, *, allowed: Mask | None = None) -> tuple[Vectors, Rows]:
        allowed = np.ones(self.size, dtype=bool) if allowed is None else allowed
        signs = [((query > 0) != self.octants).sum(axis=1) for query in queries]
        found = [
            self._oracle.search(query[np.newaxis], k, allowed=allowed & (differing <= self.differences))
            for query, differing in zip(queries, signs, strict=True)
        ]
        return np.concatenate([scores for scores, _ in found]), np.concatenate([rows for _, rows in found])


class OctantKind:
    """The kind of ``OctantStore``."""

    name = "octants"
    exact = False

    def build(self, vectors: Vectors, *, seed: int) -> Iterator[OctantStore]:
        for differences in range(vectors.shape[1] if len(vectors) else 0):
            yield OctantStore(vectors > 0, vectors, differences)

    def save(self, store: OctantStore, stem: Path) -> SavedIndex:
        path = stem.with_name(f"{stem.name}.octants.json")
        path.write_text(json.dumps(store.octants.tolist()))
        return SavedIndex(path, {"differences": store.differences})

    def open(self, saved: SavedIndex, vectors: Vectors) -> OctantStore:
        return OctantStore(np.array(json.loads(saved.file.read_text())), vectors, saved.parameters["differences"])

    def describe(self, recall_at_10: float) -> IndexDescription:
        return IndexDescription(self.name, self.exact, recall_at_10)
