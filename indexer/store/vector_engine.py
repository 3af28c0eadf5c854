"""The server of vectors, where one is named: the embedded default has none, and needs not its client either."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from indexer.errors import VectorsUrlMissingError
from indexer.identity import VECTORS_IDENTITY
from indexer.layout import CollectionLayout
from indexer.store.index_kind import VECTORS_URL, explained
from indexer.store.manifest import read_manifest, read_pointer

if TYPE_CHECKING:
    from indexer.store.milvus_session import MilvusSession


def drop_unused(layout: CollectionLayout) -> None:
    """Drop what the server keeps of a collection and no generation has named for a while.

    Raises:
        EngineAwayError: the server does not answer.
    """
    with _server(layout) as server:
        if server is not None:
            from indexer.store import milvus_collections

            milvus_collections.drop_unused(layout, server)


def drop_vectors(layout: CollectionLayout) -> None:
    """Drop all that the server keeps of a collection.

    Raises:
        EngineAwayError: the server does not answer.
        VectorsUrlMissingError: there is something to drop, and no server is named.
    """
    check_reach(layout)
    with _server(layout) as server:
        if server is not None:
            from indexer.store import milvus_collections

            milvus_collections.drop_all(layout.root, server)


def point_aliases(layout: CollectionLayout) -> None:
    """Have the server's aliases follow the current generation.

    Raises:
        EngineAwayError: the server does not answer.
    """
    with _server(layout) as server:
        if server is not None:
            from indexer.store import milvus_collections

            milvus_collections.point_aliases(layout, read_manifest(layout, read_pointer(layout)), server)


def check_reach(layout: CollectionLayout) -> None:
    """Look whether all of a collection's vectors can be reached.

    Raises:
        VectorsUrlMissingError: a server keeps some of them, and none is named.
    """
    if (layout.root / VECTORS_IDENTITY).exists() and not os.environ.get(VECTORS_URL):
        raise VectorsUrlMissingError(VECTORS_URL)


@contextmanager
def _server(layout: CollectionLayout) -> Iterator[MilvusSession | None]:
    """Give the session with the server, where it keeps something of the collection."""
    if not os.environ.get(VECTORS_URL) or not (layout.root / VECTORS_IDENTITY).exists():
        yield None
        return
    with explained():
        from indexer.store.milvus_session import session
    yield session()
