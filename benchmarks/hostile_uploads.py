"""Measures what searches by words lose while others upload the worst files: ``python benchmarks/hostile_uploads.py``.

Searches are sent at half of what the service can answer, alone and while eight clients upload one of the worst files of
each format, without a pause. The memory of all of the service's processes is read meanwhile, and 30 seconds later; at
the end the service is told to stop in the middle of uploads. Results go to ``benchmarks/results/hostile_uploads.csv``.
It asks the collection that ``benchmarks/run.py`` indexes.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from benchmarks.figures import Figure, format_csv, percentile
from benchmarks.hostile_images import worst_files
from benchmarks.http_client import load
from benchmarks.indexing import DATA_DIR
from benchmarks.open_loop import Request, Run, send
from benchmarks.photographs import Photographs, load_photographs
from benchmarks.provenance import provenance
from benchmarks.sampling import sampled
from benchmarks.serving import Server, semblance
from benchmarks.uploaders import uploading

RESULTS = Path(__file__).parent / "results" / "hostile_uploads.csv"
_ATTACKERS = 8
_PAUSE_S = 30
_GRACE_S = 20
_EVERY_S = 0.2
_WARMING_S = 5


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=12, help="of each measurement")
    parser.add_argument("--only", default="", help="files whose names hold this; nothing is written then")
    arguments = parser.parse_args()
    photographs = load_photographs(quick=False)
    queries = [{"query": text, "collection": photographs.name} for text in photographs.queries()]
    files = {name: content for name, content in worst_files().items() if arguments.only in name}
    with semblance(DATA_DIR) as server:
        figures = measure(server, queries, files, photographs, arguments.seconds)
    text = format_csv(figures, provenance("python benchmarks/hostile_uploads.py"))
    print(text)
    if not arguments.only:
        RESULTS.write_text(text, encoding="utf-8")


def measure(
    server: Server, queries: list[dict[str, str]], files: dict[str, bytes], photographs: Photographs, seconds: float
) -> list[Figure]:
    """Return the figures of one service, which is stopped at the end."""
    path = f"/search/image?collection={photographs.name}"
    times, whole = load(server.port, "/search/text", queries[:2000], 8)
    rate = len(times) / whole / 2
    asked = [Request("/search/text", json.dumps(query).encode()) for query in queries]
    send(server.port, asked, rate, 3)
    good = [Request(path, file.read_bytes(), "image/jpeg") for file in photographs.files[:100]]
    send(server.port, good, len(good) / _WARMING_S, _WARMING_S)  # the encoder of images takes its memory now
    memory = server.tree_memory_mb
    figures = [Figure("searches sent", rate, "1/s", note="half of what eight clients are answered"),
               Figure("memory before, all processes", memory, "MB")]  # fmt: skip
    highest = memory
    for name, content in files.items():
        alone = _p95_ms(send(server.port, asked, rate, seconds))
        with (
            uploading(server.port, path, content, _ATTACKERS) as statuses,
            sampled(lambda: server.tree_memory_mb, _EVERY_S) as seen,
        ):
            run = send(server.port, asked, rate, seconds)
        together, highest = _p95_ms(run), max(highest, *seen)
        told = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        note = f"{alone:.3g} and {together:.3g} ms; {len(content):,} bytes, answered {told}"
        figures.append(Figure(f"p95 beside: {name}", together / alone, "ratio", "<= 1.5", note))
        failed = len(run.replies) - len(run.with_status(200))
        figures.append(Figure(f"searches not answered beside: {name}", failed, "requests", "<= 0"))
    time.sleep(_PAUSE_S)
    figures += [
        Figure("highest memory, all processes", highest, "MB", "<= 1500"),
        Figure("memory 30 s later, beside that before", server.tree_memory_mb / memory, "ratio", "<= 1.1"),
    ]
    with uploading(server.port, path, next(iter(files.values())), _ATTACKERS):
        time.sleep(1)
        started = time.perf_counter()
        server.process.terminate()
        server.process.wait()
        figures.append(Figure("end after SIGTERM", time.perf_counter() - started, "s", f"<= {_GRACE_S}"))
    return figures


def _p95_ms(run: Run) -> float:
    return percentile([reply.seconds for reply in run.with_status(200)], 95) * 1e3


if __name__ == "__main__":
    main()
