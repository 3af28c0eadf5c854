"""Measures ``POST /search/text``: one client beside the sum of its parts, then throughput with many clients.

The service is the command ``semblance serve`` in a process of its own; this process is the client. The parts
(tokenise and encode, FAISS, catalog, and an empty FastAPI route served by uvicorn in a third process) take turns with
it in short blocks, so that whatever else the machine does hits all alike. No query is asked twice.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks import empty_route
from benchmarks.figures import Figure, latency_figures, percentile
from benchmarks.http_client import Client, load
from benchmarks.indexing import DATA_DIR
from benchmarks.photographs import Photographs
from indexer.collections import collection_dir
from indexer.store.generation import Generation, open_current
from models.library import InstalledModels
from models.names import DEFAULT_MODEL
from models.protocols import DualEncoder

_SEARCH = "/search/text"
_K = 10
_SEMBLANCE = Path(sys.executable).with_name("semblance")
_START_TIMEOUT_S = 180
_PARTS = ("tokenise and encode", "FAISS search", "catalog look-up")
_EMPTY = "empty FastAPI route"
_SHARES = ("encode", "search", "hydrate", "total")


class _Effort:
    """How many requests."""

    def __init__(self, *, quick: bool) -> None:
        self.warm_up = 20 if quick else 200
        self.block = 5 if quick else 25
        self.blocks = 3 if quick else 40
        self.rounds = 1 if quick else 3
        self.load = {1: 20, 8: 40, 32: 64} if quick else {1: 400, 8: 800, 32: 1600}
        """Requests of one round by number of clients."""


def measure(photographs: Photographs) -> list[Figure]:
    """Measure everything about searching, in the collection that indexing left or that is made now."""
    where = ["--collection", photographs.name, "--data-dir", DATA_DIR]
    subprocess.run([_SEMBLANCE, "index", *photographs.paths, *where], check=True)
    effort = _Effort(quick=photographs.quick)
    queries = iter(photographs.queries() * (20 if photographs.quick else 1))
    with ExitStack() as stack:
        port = stack.enter_context(_served([_SEMBLANCE, "serve", "--data-dir", DATA_DIR, "--port"]))
        seconds, shares = _one_client(photographs.name, port, queries, effort)
        figures = [*_one_client_figures(seconds), *_share_figures(shares)]
        return [*figures, *_load_figures(photographs.name, port, queries, effort)]


def _one_client(
    collection: str, port: int, queries: Iterator[str], effort: _Effort
) -> tuple[dict[str, list[float]], list[dict[str, float]]]:
    """Return the seconds of each part, of the empty route and of the service; and what the service told of itself."""
    encoder = InstalledModels().encoder(DEFAULT_MODEL)
    seconds: dict[str, list[float]] = {name: [] for name in (_SEARCH, *_PARTS, _EMPTY)}
    shares = []
    with ExitStack() as stack:
        generation = stack.enter_context(open_current(collection_dir(DATA_DIR, collection)))
        service = stack.enter_context(Client(port, _SEARCH))
        for query in islice(queries, effort.warm_up):
            answer = service.post(_body(collection, query))
            _parts(encoder, generation, query)
        size = [str(len(answer))]
        empty_port = stack.enter_context(_served([sys.executable, empty_route.__file__], size))
        empty = stack.enter_context(Client(empty_port, empty_route.PATH))
        for query in islice(queries, effort.warm_up):
            empty.post(_body(collection, query))
        for _ in range(effort.blocks):
            for query in islice(queries, effort.block):
                started = time.perf_counter()
                answer = service.post(_body(collection, query))
                seconds[_SEARCH].append(time.perf_counter() - started)
                shares.append(json.loads(answer)["took_ms"])
            seconds[_EMPTY] += [empty.timed_post(_body(collection, query)) for query in islice(queries, effort.block)]
            for query in islice(queries, effort.block):
                for name, value in zip(_PARTS, _parts(encoder, generation, query), strict=True):
                    seconds[name].append(value)
    return seconds, shares


def _parts(encoder: DualEncoder, generation: Generation, query: str) -> tuple[float, float, float]:
    """Do what a search cannot do without; return the seconds of each part."""
    images = generation.vector_set(DEFAULT_MODEL, "image")
    times = [time.perf_counter()]
    vector = encoder.encode_texts([query])
    times.append(time.perf_counter())
    _, rows = images.store.search(vector, _K)
    times.append(time.perf_counter())
    generation.catalog.images_at(rows[0].tolist())
    times.append(time.perf_counter())
    encode, search, look_up = np.diff(times).tolist()
    return encode, search, look_up


def _one_client_figures(seconds: dict[str, list[float]]) -> list[Figure]:
    parts = [Figure(name, percentile(seconds[name], 50) * 1e3, "ms", note="p50") for name in (*_PARTS, _EMPTY)]
    total = sum(part.value for part in parts)
    whole = percentile(seconds[_SEARCH], 50) * 1e3
    return [
        *latency_figures("search, one client", seconds[_SEARCH]),
        *parts,
        Figure("sum of the parts", total, "ms", note="of their p50"),
        Figure("search over its parts", whole / total, "ratio", "<= 1.25", "p50; blocks in turns"),
    ]


def _share_figures(shares: list[dict[str, float]]) -> list[Figure]:
    note = "p50, as the service's answers tell (took_ms)"
    return [
        Figure(f"in the service: {name}", percentile([s[name] for s in shares], 50), "ms", "", note) for name in _SHARES
    ]


def _load_figures(collection: str, port: int, queries: Iterator[str], effort: _Effort) -> list[Figure]:
    """Measure each number of clients in turns, and put its rounds together."""
    results: dict[int, tuple[list[float], list[float]]] = {clients: ([], []) for clients in effort.load}
    for _ in range(effort.rounds):
        for clients, requests in effort.load.items():
            bodies = [_body(collection, query) for query in islice(queries, requests)]
            seconds, wall_s = load(port, _SEARCH, bodies, clients)
            results[clients][0].extend(seconds)
            results[clients][1].append(wall_s)
    figures = []
    for clients, (seconds, walls_s) in results.items():
        name = f"{clients} client{'s' if clients > 1 else ''}"
        note = f"{len(seconds):,} requests; the clients share the machine with the service"
        figures.append(Figure(f"{name}, throughput", len(seconds) / sum(walls_s), "requests/s", note=note))
        figures += latency_figures(name, seconds)
    return figures


def _body(collection: str, query: str) -> dict[str, object]:
    return {"query": query, "k": _K, "collection": collection}


@contextmanager
def _served(command: list[str | Path], arguments: list[str] | None = None) -> Iterator[int]:
    """Start a server on a free port, which is the command's next argument; yield the port; stop it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*command, str(port), *(arguments or [])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_it_listens(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait; uvicorn listens when the application has started, so a connection means that it is ready."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"benchmarks: {' '.join(map(str, process.args))} did not start")
