"""Tells whether an answer depends on who else asks: 1,000 mixed queries one by one, and again by 16 clients at once.

``python benchmarks/company.py`` asks the collection that ``benchmarks/run.py`` indexes, on both runtimes, and writes
``benchmarks/results/company.csv``: how many answers hold other results or another order, and by how much scores differ.
The queries are captions, captions with modifiers, captions that look for captions, and photographs.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, format_csv
from benchmarks.http_client import Client
from benchmarks.indexing import DATA_DIR
from benchmarks.photographs import Photographs, load_photographs
from benchmarks.provenance import provenance
from benchmarks.serving import semblance

RESULTS = Path(__file__).parent / "results" / "company.csv"
_CLIENTS = 16
_RUNTIMES = ("openvino", "torch")
_TOLERANCE = 1e-6

Ask = tuple[str, str, Any]
"""A path, a media type and a body."""


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=1000)
    count = parser.parse_args().queries
    photographs = load_photographs(quick=False)
    figures = []
    for runtime in _RUNTIMES:
        with semblance(DATA_DIR, environment={"SEMBLANCE_RUNTIME": runtime}) as server:
            figures += compare(server.port, mixed(photographs, count), runtime)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/company.py")), encoding="utf-8")


def mixed(photographs: Photographs, count: int) -> list[Ask]:
    """Return queries of four kinds in turns."""
    asked: list[Ask] = []
    for number, (text, path) in enumerate(zip(photographs.queries(), photographs.files, strict=False)):
        body = {"query": text, "collection": photographs.name}
        kinds = (body, {**body, "modifiers": ["+snow", "-people"]}, {**body, "k": 50})
        if number % 4 < len(kinds):
            asked.append(("/search/text", "application/json", kinds[number % 4]))
        else:
            asked.append((f"/search/image?collection={photographs.name}", "image/jpeg", path.read_bytes()))
        if len(asked) == count:
            break
    return asked


def compare(port: int, asked: list[Ask], runtime: str) -> list[Figure]:
    """Ask one by one and at once."""
    alone = [_results(port, ask) for ask in asked]
    with ThreadPoolExecutor(_CLIENTS) as clients:
        together = list(clients.map(lambda ask: _results(port, ask), asked))
    pairs = list(zip(alone, together, strict=True))
    other = sum([image for image, _ in a] != [image for image, _ in b] for a, b in pairs)
    apart = round(max(abs(x[1] - y[1]) for a, b in pairs for x, y in zip(a, b, strict=False)), 7)
    note = f"of {len(asked):,} queries, {_CLIENTS} clients"
    return [
        Figure(f"{runtime}: answers with other results or another order", other, "answers", "<= 0", note),
        Figure(f"{runtime}: largest difference of a score", apart, "score", f"<= {_TOLERANCE}", note),
    ]


def _results(port: int, ask: Ask) -> list[tuple[str, float]]:
    path, media_type, body = ask
    with Client(port, path, media_type) as client:
        return [(hit["id"], hit["score"]) for hit in json.loads(client.post(body))["results"]]


if __name__ == "__main__":
    main()
