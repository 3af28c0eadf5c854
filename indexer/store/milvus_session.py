"""Speaks to Milvus: one client a process, what is set about it, and its failures told as what to do.

The client reconnects and asks again by itself until a call's time is over, so that one time covers all of it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import grpc
from pymilvus import DataType, MilvusClient, MilvusException

from indexer.errors import VectorsAwayError, VectorsGoneError
from models.errors import StorageError
from models.types import Vectors

Consistency = Literal["Strong", "Bounded", "Session", "Eventually"]

_BYTES_AT_ONCE = 8 * 2**20  # of vectors in one message; the server takes 64 MB
_GRAPH = {"M": 16, "efConstruction": 200}
_NOT_THERE = ("not exist", "not found", "can't find collection")


@dataclass(frozen=True)
class MilvusSettings:
    """How to speak to a server; each is read from ``SEMBLANCE_VECTORS_<NAME>``.

    Attributes:
        url: as ``http://host:19530``; a path that ends with ``.db`` is a database in this process (Milvus Lite).
        token: ``user:password`` or a key; empty where the server asks for none.
        consistency: of searches. A generation is complete before it is searched, so that the weaker ones answer the
            same, and sooner.
        timeout_s: of a search, reconnecting and asking again included.
        build_timeout_s: of each step of building an index.
        keep_s: how long what no generation names any more is kept for those who still read it.
    """

    url: str
    token: str = ""
    consistency: Consistency = "Bounded"
    timeout_s: float = 5.0
    build_timeout_s: float = 3600.0
    keep_s: float = 600.0


def settings_from(environment: Mapping[str, str]) -> MilvusSettings | None:
    """Return the settings of an environment, None where it names no server.

    Raises:
        StorageError: a value is none that a setting may have.
    """
    given = {name: environment.get(f"SEMBLANCE_VECTORS_{name.upper()}") for name in MilvusSettings.__annotations__}
    found: dict[str, Any] = {name: value for name, value in given.items() if value}
    if "url" not in found:
        return None
    try:
        found |= {name: float(value) for name, value in found.items() if name.endswith("_s")}
    except ValueError as error:
        raise StorageError(f"a SEMBLANCE_VECTORS_..._S is no number of seconds: {error}") from None
    if found.get("consistency", "Strong") not in get_args(Consistency):
        raise StorageError(f"SEMBLANCE_VECTORS_CONSISTENCY must be one of {', '.join(get_args(Consistency))}")
    return MilvusSettings(**found)


class MilvusSession:
    """What this package asks of a server; safe in many threads. Times in seconds, scores are inner products.

    Every method raises:
        VectorsAwayError: the server does not answer in time.
        VectorsGoneError: it has no such collection.
    """

    def __init__(self, settings: MilvusSettings) -> None:
        self.settings = settings

    def build(self, name: str, vectors: Vectors, description: str) -> None:
        """Make a collection of ``(N, D)`` vectors whose key is their row, with an HNSW graph, ready to be searched."""
        long = self.settings.build_timeout_s
        rows_at_once = max(1, _BYTES_AT_ONCE // (4 * vectors.shape[1]))
        with failures_told():
            client = self._client()
            schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False, description=description)
            schema.add_field("row", DataType.INT64, is_primary=True)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
            client.create_collection(name, schema=schema, timeout=long)
            for start in range(0, len(vectors), rows_at_once):
                part = vectors[start : start + rows_at_once]
                lines = [{"row": start + place, "vector": vector} for place, vector in enumerate(part)]
                client.insert(name, lines, timeout=long)
            client.flush(name, timeout=long)
            index = MilvusClient.prepare_index_params()
            index.add_index("vector", index_type="HNSW", metric_type="IP", params=_GRAPH)
            client.create_index(name, index, timeout=long)
            client.load_collection(name, timeout=long)

    def count(self, name: str) -> int:
        """Return how many vectors a collection has, all that were acknowledged."""
        with failures_told():
            lines = self._client().query(
                name,
                filter="",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self.settings.timeout_s,
            )
        return int(lines[0]["count(*)"])

    def load(self, name: str) -> None:
        """Have a collection ready to be searched; that of a server which was started anew may not be."""
        with failures_told():
            self._client().load_collection(name, timeout=self.settings.timeout_s)

    def nearest(self, name: str, queries: Vectors, count: int, breadth: int) -> list[list[int]]:
        """Return the nearest rows of each query, at most ``count``.

        Args:
            name: of the collection.
            queries: ``(Q, D)``.
            count: at most 16,384.
            breadth: of the search in the graph: more finds more; at least ``count``.
        """
        with failures_told():
            found = self._client().search(
                name,
                data=list(queries),
                limit=count,
                search_params={"metric_type": "IP", "params": {"ef": breadth}},
                consistency_level=self.settings.consistency,
                timeout=self.settings.timeout_s,
            )
        return [[int(row) for row in hits.ids] for hits in found]

    def names(self, start: str) -> list[str]:
        """Return the collections whose names have a beginning."""
        with failures_told():
            there_are = self._client().list_collections(timeout=self.settings.timeout_s)
        return sorted(name for name in there_are if name.startswith(start))

    def drop(self, name: str) -> None:
        """Drop a collection and its aliases; one that is not there is none."""
        with failures_told():
            client, timeout = self._client(), self.settings.timeout_s
            if client.has_collection(name, timeout=timeout):
                for alias in client.list_aliases(collection_name=name, timeout=timeout)["aliases"]:
                    client.drop_alias(alias, timeout=timeout)
                client.drop_collection(name, timeout=timeout)

    def point(self, alias: str, name: str) -> None:
        """Have an alias name a collection, whatever it named before."""
        with failures_told():
            client = self._client()
            try:
                client.alter_alias(name, alias, timeout=self.settings.timeout_s)
            except MilvusException:
                client.create_alias(name, alias, timeout=self.settings.timeout_s)

    def _client(self) -> MilvusClient:
        return _client(self.settings.url, self.settings.token, self.settings.timeout_s)


def session() -> MilvusSession | None:
    """Return a session with the server that the environment names, None where it names none."""
    settings = settings_from(os.environ)
    return MilvusSession(settings) if settings else None


@cache
def _client(url: str, token: str, timeout_s: float) -> MilvusClient:
    """Return the process's client; one that could not connect is not kept."""
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what fails is told by who asked
    return MilvusClient(uri=url, token=token, timeout=timeout_s)


@contextmanager
def failures_told() -> Iterator[None]:
    """Raise what ``MilvusSession`` does in the stead of what the client and gRPC raise."""
    try:
        yield
    except MilvusException as error:
        reason = _first_line(error.message or str(error.code))
        if any(words in reason for words in _NOT_THERE):
            raise VectorsGoneError(reason) from error
        raise VectorsAwayError(reason) from error
    except (grpc.RpcError, grpc.FutureTimeoutError, ConnectionError, TimeoutError) as error:
        raise VectorsAwayError(_reason(error)) from error


def _reason(error: Exception) -> str:
    """Return what a failure is about in a line; a call's text begins with its class, so that its details are taken."""
    details = error.details() if isinstance(error, grpc.Call) else str(error)
    return _first_line(details or type(error).__name__)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200] if text.strip() else "no reason given"
