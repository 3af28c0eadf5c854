"""Approximate search with Milvus, on whatever machines it runs: an HNSW graph a vector set, re-scored exactly.

The candidates come from the server; their scores are computed anew from the exact vectors, memory-mapped from the
generation's folder as with every other kind. A generation's set is a collection of its own, complete before anybody
opens it and never changed: which one is searched is said by the generation alone.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from indexer.errors import EngineAwayError, VectorsGoneError, VectorsUrlMissingError
from indexer.identity import VECTORS_IDENTITY, make_identity
from indexer.store.base import NO_ROW, IndexDescription, Mask, Rows, SavedIndex
from indexer.store.faiss_flat import in_order, scan
from indexer.store.milvus_session import MilvusSession, session
from models.types import Vectors

SUFFIX = ".milvus.json"
_MOST_CANDIDATES = 16_384  # that the server gives
_BREADTHS = (64, 128, 256, 512)
_EXACT_BELOW_KEPT = 0.05  # a filter that keeps less is scanned: most of what the graph gives would be thrown away
_CANDIDATES_PER_RESULT = 2
_QUERIES_AT_ONCE = 64
_MOST_NAMED = 60  # characters of a collection's or a model's name within that of a collection of Milvus


class MilvusStore:
    """A collection of Milvus, and the exact vectors ``(N, D)`` beside it."""

    def __init__(self, server: MilvusSession, name: str, vectors: Vectors, breadth: int) -> None:
        self._server, self.name, self._vectors, self.breadth = server, name, vectors, breadth
        self.size, self.dimension = vectors.shape

    def with_breadth(self, breadth: int) -> MilvusStore:
        """Return a store over the same collection that looks at more or less of the graph."""
        return MilvusStore(self._server, self.name, self._vectors, breadth)

    def check(self) -> None:
        """Ask the server whether the collection can be searched.

        Raises:
            EngineAwayError: it does not answer.
        """
        self._server.nearest(self.name, self._vectors[:1], 1, self.breadth)

    def search(self, queries: Vectors, k: int, *, allowed: Mask | None = None) -> tuple[Vectors, Rows]:
        """See ``VectorStore.search``.

        Raises:
            VectorsAwayError: the server does not answer in time.
            VectorsGoneError: it does not have the collection any more.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        kept = 1.0 if allowed is None else float(allowed.mean())
        wanted = math.ceil(k * _CANDIDATES_PER_RESULT / kept) if kept else 0
        if kept < _EXACT_BELOW_KEPT or min(wanted, self.size) > _MOST_CANDIDATES:
            return scan(self._vectors, queries, k, allowed)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), NO_ROW, dtype=np.int64)
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            part = slice(start, start + _QUERIES_AT_ONCE)
            scores[part], rows[part] = self._from_candidates(queries[part], k, min(wanted, self.size), allowed)
        there_are = self.size if allowed is None else int(np.count_nonzero(allowed))
        found = np.count_nonzero(rows != NO_ROW, axis=1)
        for query in np.flatnonzero(found < min(k, there_are)):  # the graph, or a filter at odds with the query
            exact = scan(self._vectors, queries[query : query + 1], k, allowed)
            scores[query], rows[query] = exact[0][0], exact[1][0]
        return scores, rows

    def _from_candidates(self, queries: Vectors, k: int, count: int, allowed: Mask | None) -> tuple[Vectors, Rows]:
        found = self._server.nearest(self.name, queries, count, max(self.breadth, count))
        candidates = np.full((len(queries), max(count, k)), NO_ROW, dtype=np.int64)
        for line, hits in zip(candidates, found, strict=True):
            line[: len(hits)] = hits
        if allowed is not None:
            candidates[~allowed[candidates]] = NO_ROW
        scores = np.einsum("qcd,qd->qc", self._vectors[candidates], queries)
        scores[candidates < 0] = -np.inf
        scores, rows = in_order(scores, candidates)
        return scores[:, :k], rows[:, :k]


class MilvusKind:
    """Graphs on a Milvus server, for every set that is not empty where the environment names a server.

    Args:
        stem: where the index that is built will be saved, in the folder of a generation; tells its name.
    """

    name = "milvus_hnsw"
    exact = False

    def __init__(self, stem: Path | None = None) -> None:
        self._stem = stem

    def build(self, vectors: Vectors, *, seed: int) -> Iterator[MilvusStore]:  # noqa: ARG002 - the server's own
        """See ``IndexKind.build``: one graph, of which twice as much is looked at each time."""
        server = session()
        if server is None or self._stem is None or not len(vectors):
            return
        name = collection_name(self._stem)
        try:
            server.build(name, vectors, f"Semblance: {self._stem.name}")
        except BaseException:
            with suppress(EngineAwayError, VectorsGoneError):
                server.drop(name)
            raise
        for breadth in _BREADTHS:
            yield MilvusStore(server, name, vectors, breadth)

    def save(self, store: MilvusStore, stem: Path) -> SavedIndex:
        """See ``IndexKind.save``: the file says where the index is."""
        path = stem.with_name(f"{stem.name}{SUFFIX}")
        path.write_text(json.dumps({"database": "milvus", "collection": store.name}, indent=1))
        return SavedIndex(path, {"breadth": store.breadth})

    def open(self, saved: SavedIndex, vectors: Vectors) -> MilvusStore:
        """See ``IndexKind.open``.

        Raises:
            VectorsUrlMissingError: no server is named.
            VectorsAwayError: it does not answer.
            VectorsGoneError: it does not have the index.
        """
        if saved.file is None or saved.parameters.keys() != {"breadth"}:
            raise ValueError(f"needs an index file and the parameter breadth, not {sorted(saved.parameters)}")
        name, server = named_in(saved.file), session()
        if server is None:
            raise VectorsUrlMissingError("SEMBLANCE_VECTORS_URL")
        server.load(name)
        if (held := server.count(name)) != len(vectors):
            raise ValueError(f"names a collection of {held} vectors, not {len(vectors)}")
        return MilvusStore(server, name, vectors, saved.parameters["breadth"])

    def describe(self, recall_at_10: float) -> IndexDescription:
        """See ``IndexKind.describe``."""
        return IndexDescription(self.name, self.exact, recall_at_10)


def named_in(path: Path) -> str:
    """Return the collection that an index file names.

    Raises:
        ValueError: it names none.
    """
    found = json.loads(path.read_text())
    name = found.get("collection") if isinstance(found, dict) else None
    if not isinstance(name, str) or not re.fullmatch(r"semblance_\w+", name):
        raise ValueError(f"{path.name} names no collection")
    return name


def collection_name(stem: Path) -> str:
    """Return a new name that tells collection, generation, model and side of an index to be saved at a stem."""
    root = stem.parents[2]  # of DATA/collections/NAME/generations/000007/MODEL.SIDE
    number = re.search(r"\d*$", stem.parent.name)
    generation = int(number.group() or 0) if number else 0
    begin = names_begin(make_identity(root, VECTORS_IDENTITY))
    return f"{begin}{_plain(root.name)}_{generation:06d}_{_plain(stem.name)}_{secrets.token_hex(4)}"


def names_begin(identity: str) -> str:
    """Return how the names of all of a collection's begin."""
    return f"semblance_{identity}_"


def alias_of(collection: str, stem: str) -> str:
    """Return the name by which others than Semblance find the current vectors of a model and side."""
    return f"semblance_{_plain(collection)}_{_plain(stem)}"


def _plain(text: str) -> str:
    return re.sub(r"\W", "_", text, flags=re.ASCII)[:_MOST_NAMED]
