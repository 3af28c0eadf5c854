"""Lets a service work for a long time, and looks for what grows: ``python benchmarks/soak.py [--minutes 30]``.

Searches by words, by uploads (good ones and such as cannot be decoded), explanations, thumbnails and pages come mixed,
at a third of what the service can answer. Memory (of all its processes, without what is mapped from files, which others
share), descriptors and threads are read every other second. A line is fitted to the last two thirds of the memory's
readings, when caches are full; its slope is told with the upper bound of its 95 % interval. Results go to
``benchmarks/results/soak.csv``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from benchmarks.figures import Figure, format_csv
from benchmarks.http_client import load
from benchmarks.indexing import DATA_DIR
from benchmarks.open_loop import Request, Run, send
from benchmarks.photographs import Photographs, load_photographs
from benchmarks.provenance import provenance
from benchmarks.sampling import sampled
from benchmarks.serving import Server, semblance

RESULTS = Path(__file__).parent / "results" / "soak.csv"
_AIM_MB_PER_H = 10
_EVERY_S = 2
_STUDENT_95 = 1.96
"""For many readings the t distribution is the normal one."""


@dataclass(frozen=True)
class Reading:
    """The state of the service at one time, in seconds from the beginning."""

    at_s: float
    memory_mb: float
    descriptors: int
    threads: int


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    minutes = parser.parse_args().minutes
    with semblance(DATA_DIR) as server:
        figures = measure(server, load_photographs(quick=False), minutes * 60)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/soak.py")), encoding="utf-8")


def measure(server: Server, photographs: Photographs, seconds: float) -> list[Figure]:
    """Return what grew."""
    bodies = [{"query": text, "collection": photographs.name} for text in photographs.queries()[:2000]]
    times, whole = load(server.port, "/search/text", bodies, 8)
    requests = mixed(server.port, photographs)
    started = time.perf_counter()
    with sampled(lambda: _reading(server, started), _EVERY_S) as readings:
        run = send(server.port, requests, len(times) / whole / 3, seconds, connections=16)
    late = readings[len(readings) // 3 :]
    slope, bound = slope_per_h([(one.at_s, one.memory_mb) for one in late])
    note = f"{len(run.replies):,} requests in {seconds / 60:g} minutes"
    return [
        Figure("memory's slope, upper bound of 95 %", bound, "MB/h", f"<= {_AIM_MB_PER_H}", note),
        Figure("memory's slope", slope, "MB/h", note="over the last two thirds"),
        Figure("memory at the end", late[-1].memory_mb, "MB", note="all processes, without what is mapped from files"),
        Figure("descriptors, most of the second half less most of the first",
               _growth([one.descriptors for one in readings]), "descriptors", "<= 0"),
        Figure("threads, most of the second half less most of the first",
               _growth([one.threads for one in readings]), "threads", "<= 0"),
        Figure("answers of 500 and more, 503 aside", _failures(run), "requests", "<= 0"),
    ]  # fmt: skip


def mixed(port: int, photographs: Photographs) -> list[Request]:
    """Return requests of every kind: of ten, six are searches by words."""
    name, asked = photographs.name, []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        found = client.post("/search/text", json={"query": "a dog", "collection": name, "k": 50}).json()["results"]
    pairs = zip(photographs.queries()[:300], photographs.files[:300], strict=False)
    for number, (text, file) in enumerate(pairs):
        words = [
            Request("/search/text", json.dumps({"query": f"{text} {n}", "collection": name}).encode()) for n in range(6)
        ]
        image = found[number % len(found)]["id"]
        content = file.read_bytes()
        asked += [
            *words,
            Request(f"/search/image?collection={name}", content, "image/jpeg"),
            Request(f"/search/image?collection={name}", content[: len(content) // 2], "image/jpeg"),
            Request(f"/images/{image}/thumbnail?collection={name}", b"", method="GET"),
        ]
        if number % 10 == 0:
            asked.append(Request(f"/explain?image_id={image}&collection={name}&query=dog+{number}", b"", method="GET"))
    return asked


def slope_per_h(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Fit a line to values over seconds; return its slope in an hour, and the upper bound of its 95 % interval."""
    at, values = np.array(points, dtype=np.float64).T
    at = (at - at.mean()) / 3600
    spread = float((at**2).sum())
    slope = float((at * (values - values.mean())).sum()) / spread
    rest = values - values.mean() - slope * at
    error = float(np.sqrt((rest**2).sum() / (len(points) - 2) / spread))
    return slope, slope + _STUDENT_95 * error


def _reading(server: Server, started: float) -> Reading:
    process = Path(f"/proc/{server.process.pid}")
    descriptors = len(list((process / "fd").iterdir()))
    threads = len(list((process / "task").iterdir()))
    return Reading(time.perf_counter() - started, server.tree_own_memory_mb, descriptors, threads)


def _growth(values: Sequence[int]) -> int:
    half = len(values) // 2
    return max(values[half:]) - max(values[:half])


def _failures(run: Run) -> int:
    return sum(reply.status == 0 or (reply.status >= 500 and reply.status != 503) for reply in run.replies)


if __name__ == "__main__":
    main()
