"""Measures searches over HTTP: one client beside the sum of what a search is made of, then throughput with many.

The service is the command ``semblance serve`` in a process of its own; this process is the client. What a search is
made of (tokenise and encode, or decode and encode; FAISS; catalog; an empty FastAPI route that answers a body of the
same size, in a third process) takes turns with it in short blocks, so that whatever else the machine does hits all
alike. No sentence and no photograph is asked twice. With ``--baseline CHECKOUT`` the code of another commit serves the
same photographs, in turns with this one.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import to_json

from benchmarks import empty_route
from benchmarks.figures import Figure, latency_figures, median_ratio, percentile
from benchmarks.http_client import Client, load
from benchmarks.indexing import DATA_DIR
from benchmarks.photographs import Photographs
from benchmarks.serving import Server, script, semblance
from indexer.collections import collection_dir
from indexer.store.generation import Generation, open_current
from models.composition import Term, compose
from models.imaging.decode import InProcessDecoder
from models.imaging.limits import DecodeLimits
from models.library import InstalledModels
from models.names import DEFAULT_MODEL
from models.protocols import DualEncoder
from models.types import Vectors
from service.api.shaping import image_metadata, query_echo
from service.search.confidence import judge
from service.search.grammar import QueryLimits, parse_query
from service.search.plan import prepare_image
from service.search.query import Query

_K = 10
_EMPTY = "empty FastAPI route"
_SHARES = ("encode", "search", "hydrate", "total")
_CLIENTS = (1, 8, 32)
_BASELINE_DIR = DATA_DIR.with_name("benchmarks-baseline")
_LIMITS = DecodeLimits(40_000_000)
_PAUSE_S = 0.001


class _Effort:
    """How many requests."""

    def __init__(self, *, quick: bool) -> None:
        self.warm_up = 20 if quick else 200
        self.block = 5 if quick else 25
        self.blocks = 3 if quick else 40
        self.rounds = 1 if quick else 7
        self.load = {1: 20, 8: 40, 32: 64} if quick else {1: 100, 8: 200, 32: 400}
        """Requests of one round by number of clients."""


@dataclass(frozen=True)
class _Search:
    """One kind of search: its path, its parts beside FAISS and the catalog, and the body of a request."""

    name: str
    path: str
    media_type: str
    encode: Callable[[DualEncoder, Any], Sequence[tuple[str, float, Vectors]]]
    body: Callable[[Any], Any]


def measure(photographs: Photographs, baseline: Path | None = None) -> list[Figure]:
    """Measure everything about searching, in the collection that indexing left or that is made now."""
    _index(photographs, DATA_DIR, Path.cwd())
    effort = _Effort(quick=photographs.quick)
    repeated = 20 if photographs.quick else 1
    queries = iter(photographs.queries() * repeated)
    uploads = (path.read_bytes() for path in photographs.files * repeated)
    name = photographs.name
    words = _Search("text", "/search/text", "application/json", _encode_text, lambda text: _body(name, text))
    pictures = _Search(
        "image", f"/search/image?collection={name}&k={_K}", "image/jpeg", _encode_image, lambda content: content
    )
    with ExitStack() as stack:
        here = stack.enter_context(semblance(DATA_DIR))
        figures = [
            *_one_client(name, here, words, queries, effort),
            *_one_client(name, here, pictures, uploads, effort),
        ]
        figures.append(_after_a_pause(queries, effort))
        figures += _stages(name, queries, effort)
        figures += _load_figures({"": here}, name, queries, effort)
        if baseline is not None:
            _index(photographs, _BASELINE_DIR, baseline)
            before = stack.enter_context(semblance(_BASELINE_DIR, checkout=baseline))
            figures += _baseline_figures(before, here, name, queries, effort)
    return figures


def _index(photographs: Photographs, data_dir: Path, checkout: Path) -> None:
    where = ["--collection", photographs.name, "--data-dir", str(data_dir.resolve())]
    command = [sys.executable, "-m", "service.cli", "index", *photographs.paths, *where]
    subprocess.run(command, cwd=checkout, check=True)


def _one_client(collection: str, server: Server, kind: _Search, inputs: Iterator[Any], effort: _Effort) -> list[Figure]:
    """Time one client, the parts and the empty route in turns."""
    encoder = InstalledModels().encoder(DEFAULT_MODEL)
    seconds: dict[str, list[float]] = {kind.name: [], _EMPTY: []}
    shares = []
    with ExitStack() as stack:
        generation = stack.enter_context(open_current(collection_dir(DATA_DIR, collection)))
        service = stack.enter_context(Client(server.port, kind.path, kind.media_type))
        for content in islice(inputs, effort.warm_up):
            answer = service.post(kind.body(content))
            _parts(encoder, generation, kind, content)
        idle = stack.enter_context(script(empty_route.__file__, str(len(answer))))
        empty = stack.enter_context(Client(idle.port, empty_route.PATH, kind.media_type))
        for content in islice(inputs, effort.warm_up):
            empty.post(kind.body(content))
        for _ in range(effort.blocks):
            for content in islice(inputs, effort.block):
                body = kind.body(content)
                started = time.perf_counter()
                answer = service.post(body)
                seconds[kind.name].append(time.perf_counter() - started)
                shares.append(json.loads(answer)["took_ms"])
            seconds[_EMPTY] += [empty.timed_post(kind.body(content)) for content in islice(inputs, effort.block)]
            for content in islice(inputs, effort.block):
                for part, value in _parts(encoder, generation, kind, content):
                    seconds.setdefault(part, []).append(value)
    return [*_one_client_figures(kind.name, seconds, effort.block), *_share_figures(kind.name, shares)]


def _parts(encoder: DualEncoder, generation: Generation, kind: _Search, content: Any) -> list[tuple[str, float]]:
    """Do what a search cannot do without; return the seconds of each part."""
    images = generation.vector_set(DEFAULT_MODEL, "image")
    encoded = kind.encode(encoder, content)
    times = [time.perf_counter()]
    _, rows = images.store.search(encoded[-1][2], _K)
    times.append(time.perf_counter())
    generation.catalog.images_at(rows[0].tolist())
    times.append(time.perf_counter())
    search, look_up = np.diff(times).tolist()
    return [*((name, value) for name, value, _ in encoded), ("FAISS search", search), ("catalog look-up", look_up)]


def _encode_text(encoder: DualEncoder, text: str) -> list[tuple[str, float, Vectors]]:
    started = time.perf_counter()
    vectors = encoder.encode_texts([text])
    return [("tokenise and encode", time.perf_counter() - started, vectors)]


def _encode_image(encoder: DualEncoder, content: bytes) -> list[tuple[str, float, Vectors]]:
    times = [time.perf_counter()]
    prepared = prepare_image(content, encoder, InProcessDecoder(_LIMITS))
    times.append(time.perf_counter())
    vectors = encoder.encode_images(prepared[np.newaxis])
    times.append(time.perf_counter())
    decode, encode = np.diff(times).tolist()
    return [("decode", decode, vectors), ("encode", encode, vectors)]


def _one_client_figures(name: str, seconds: dict[str, list[float]], block: int) -> list[Figure]:
    whole, parts = seconds[name], {part: values for part, values in seconds.items() if part != name}
    rows = [Figure(f"{name}: {part}", percentile(values, 50) * 1e3, "ms", note="p50") for part, values in parts.items()]
    sums = [sum(medians) for medians in zip(*(_medians(values, block) for values in parts.values()), strict=True)]
    return [
        *latency_figures(f"{name} search, one client", whole),
        *rows,
        Figure(f"{name}: sum of the parts", sum(row.value for row in rows), "ms", note="of their p50"),
        Figure(
            f"{name} search over its parts", median_ratio(_medians(whole, block), sums), "ratio", "<= 1.15",
            "median over blocks, of p50 in each",
        ),
    ]  # fmt: skip


def _after_a_pause(queries: Iterator[str], effort: _Effort) -> Figure:
    """Time encoding as a service with one client does it: after a pause, in which threads and caches go cold."""
    encoder = InstalledModels().encoder(DEFAULT_MODEL)
    ratios = []
    for _ in range(effort.blocks):
        at_once = [_encode_after(0, encoder, query) for query in islice(queries, effort.block)]
        paused = [_encode_after(_PAUSE_S, encoder, query) for query in islice(queries, effort.block)]
        ratios.append(statistics.median(paused) / statistics.median(at_once))
    note = f"after {_PAUSE_S * 1e3:g} ms of nothing over at once; no service"
    return Figure("text: encode after a pause", statistics.median(ratios), "ratio", note=note)


def _stages(collection: str, queries: Iterator[str], effort: _Effort) -> list[Figure]:
    """Time what the service does for a search, stage by stage, in this process: what is left to HTTP is the rest."""
    encoder, limits, seconds = InstalledModels().encoder(DEFAULT_MODEL), QueryLimits(), dict[str, list[float]]()

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        seconds.setdefault(name, []).append(time.perf_counter() - started)

    with open_current(collection_dir(DATA_DIR, collection)) as generation:
        images = generation.vector_set(DEFAULT_MODEL, "image")
        for text in islice(queries, effort.block * effort.blocks // 4):
            with stage("parse"):
                query = Query(*parse_query(text, (), limits))
            with stage("encode"):
                vector = encoder.encode_texts([text])[0]
            with stage("compose"):
                composed = compose([Term("query", vector)])
            with stage("FAISS"):
                rows = images.store.search(composed.vector[None], _K + 1)[1][0].tolist()
            with stage("exact scores"):
                scores = composed.scores(composed.contributions(images.vectors(rows)))
            with stage("confidence"):
                judge(encoder.card.calibrations, "text-to-image", images, composed.vector, scores)
            with stage("catalog"):
                records = generation.catalog.images_at(rows[:_K])
            with stage("JSON"):
                to_json({"query": query_echo(query), "results": [image_metadata(record) for record in records]})
    note = "p50 in one process, one search after another"
    return [
        Figure(f"text, stage: {name}", percentile(values, 50) * 1e3, "ms", note=note)
        for name, values in seconds.items()
    ]


def _encode_after(pause_s: float, encoder: DualEncoder, query: str) -> float:
    time.sleep(pause_s)
    return _encode_text(encoder, query)[0][1]


def _medians(values: Sequence[float], block: int) -> list[float]:
    return [statistics.median(values[start : start + block]) for start in range(0, len(values), block)]


def _share_figures(name: str, shares: list[dict[str, float]]) -> list[Figure]:
    note = "p50, as the service's answers tell (took_ms)"
    return [
        Figure(f"{name}, in the service: {share}", percentile([s[share] for s in shares], 50), "ms", note=note)
        for share in _SHARES
    ]


def _rounds(
    servers: dict[str, Server], collection: str, queries: Iterator[str], effort: _Effort, clients: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Let clients ask the servers in turns; return for each the seconds of requests, and each round's requests/s."""
    results: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in servers}
    for _ in range(effort.rounds):
        for name, server in servers.items():
            bodies = [_body(collection, query) for query in islice(queries, effort.load[clients])]
            seconds, wall_s = load(server.port, "/search/text", bodies, clients)
            results[name][0].extend(seconds)
            results[name][1].append(len(bodies) / wall_s)
    return results


def _load_figures(servers: dict[str, Server], collection: str, queries: Iterator[str], effort: _Effort) -> list[Figure]:
    figures = []
    for clients in _CLIENTS:
        for label, (seconds, rates) in _rounds(servers, collection, queries, effort, clients).items():
            name = f"{clients} client{'s' if clients > 1 else ''}{label}"
            note = f"median of {len(rates)} rounds, {len(seconds):,} requests; the clients share the machine"
            figures.append(Figure(f"{name}, throughput", statistics.median(rates), "requests/s", note=note))
            figures += latency_figures(name, seconds)
    return figures


def _baseline_figures(
    before: Server, here: Server, collection: str, queries: Iterator[str], effort: _Effort
) -> list[Figure]:
    """Compare both commits in turns."""
    figures = []
    for clients in _CLIENTS:
        rounds = _rounds({"before": before, "here": here}, collection, queries, effort, clients)
        ratio = median_ratio(rounds["here"][1], rounds["before"][1])
        aim = ">= 1.3" if clients == max(_CLIENTS) else ""
        name = f"throughput over the baseline's, {clients} client{'s' if clients > 1 else ''}"
        figures.append(Figure(name, ratio, "ratio", aim, "median of rounds in turns"))
    return figures


def _body(collection: str, query: str) -> dict[str, object]:
    return {"query": query, "k": _K, "collection": collection}
