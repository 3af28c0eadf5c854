"""The kinds of index: what each can do, and the table of them all.

A new kind is a file with its ``IndexKind`` and its ``VectorStore``, and its line in ``KINDS``. The differential tests
run over the table: they compare every kind with the brute-force store. A server's kind, whose client is an extra, is
added where the environment names the server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from indexer.store.base import IndexDescription, SavedIndex, VectorStore
from indexer.store.faiss_flat import FlatKind
from indexer.store.faiss_ivf import IvfKind
from models.errors import StorageError
from models.types import Vectors

Store = TypeVar("Store", bound=VectorStore)


class IndexKind(Protocol[Store]):
    """One way to index vectors, whose exact form is kept beside every index as a memory-mapped array."""

    @property
    def name(self) -> str:
        """The name in manifests and in answers; never given to another kind."""
        ...

    @property
    def exact(self) -> bool:
        """Whether the nearest rows are always found."""
        ...

    def build(self, vectors: Vectors, *, seed: int) -> Iterator[Store]:
        """Yield stores over ``(N, D)`` vectors, each finding more, and taking longer, than the one before.

        Nothing comes where this kind is not worth it for such vectors, and nothing more where finding more would cost
        too much. An exact kind yields one store.
        """
        ...

    def save(self, store: Store, stem: Path) -> SavedIndex:
        """Write a store to a file whose name begins with that of ``stem``, or to none where the vectors are enough."""
        ...

    def open(self, saved: SavedIndex, vectors: Vectors) -> Store:
        """Open what was saved over the same ``(N, D)`` vectors; its bytes have been checked.

        Raises:
            ValueError: it was saved by another kind, or parameters are missing.
            RuntimeError: the file cannot be read.
        """
        ...

    def describe(self, recall_at_10: float) -> IndexDescription:
        """Describe an index of this kind by what was measured of it."""
        ...


KINDS: Mapping[str, IndexKind[Any]] = {kind.name: kind for kind in (IvfKind(), FlatKind())}
"""By name, in the order in which they are tried for a set of vectors; the last suits every set and is exact."""


VECTORS_URL, MILVUS = "SEMBLANCE_VECTORS_URL", "milvus_hnsw"


def kinds_at(stem: Path) -> list[IndexKind[Any]]:
    """Return the kinds to try for a set whose index is saved at a stem: a server's first where one is named."""
    first: list[IndexKind[Any]] = [_milvus(stem)] if os.environ.get(VECTORS_URL) else []
    return [*first, *KINDS.values()]


def kind_named(name: str) -> IndexKind[Any]:
    """Return the kind of that name.

    Raises:
        ValueError: there is none.
        StorageError: the client of its server is not installed.
    """
    if name == MILVUS:
        return _milvus(None)
    if name not in KINDS:
        raise ValueError(f"names the index kind {name!r}, which this version of Semblance does not know")
    return KINDS[name]


@contextmanager
def explained() -> Iterator[None]:
    """Turn the lack of the server's client, an extra, into an error that says what to do."""
    try:
        yield
    except ImportError:
        raise StorageError("the index of these vectors needs pymilvus: pip install semblance[milvus]") from None


def _milvus(stem: Path | None) -> IndexKind[Any]:
    with explained():
        from indexer.store.milvus_store import MilvusKind  # an extra, which the embedded default does without
    return MilvusKind(stem)
