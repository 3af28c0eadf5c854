"""Publishes again and again under load, and looks at every answer: ``python benchmarks/hot_swaps.py``.

A small collection loses and regains pictures, so that each generation holds others; meanwhile clients search for all of
them, page by page. An answer is mixed where it holds another set of images than the generation that it names. Results
go to ``benchmarks/results/hot_swaps.csv``.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.drawn_photographs import draw_photographs
from benchmarks.figures import Figure, format_csv
from benchmarks.provenance import provenance
from benchmarks.serving import semblance
from indexer.collections import collection_dir
from indexer.indexing import index_collection
from indexer.ingest.request import IndexRequest
from indexer.store.generation import open_current
from models.inference.execution import Execution
from models.library import InstalledModels

RESULTS = Path(__file__).parent / "results" / "hot_swaps.csv"
_COLLECTION = "drawn"
_IMAGES = 24
_PAGE = 10
_CLIENTS = 8
_STALE = httpx.codes.GONE, httpx.codes.CONFLICT


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaps", type=int, default=300)
    figures = measure(parser.parse_args().swaps)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/hot_swaps.py")), encoding="utf-8")


def measure(swaps: int, clients: int = _CLIENTS) -> list[Figure]:
    """Return what came of so many publications."""
    with tempfile.TemporaryDirectory() as scratch:
        swapping = Swapping(Path(scratch))
        swapping.publish()
        watching = {"SEMBLANCE_WATCH_S": "0.05"}
        with semblance(swapping.data, environment=watching) as server, searching(server.port, clients) as seen:
            for _ in range(swaps):
                swapping.swap()
        return judge(seen, swapping.held, swaps)


class Swapping:
    """The collection that changes, and what each of its generations holds."""

    def __init__(self, scratch: Path) -> None:
        self.data, self._photographs, self._away = scratch / "data", scratch / "photographs", scratch / "away"
        self._files = draw_photographs(self._photographs, _IMAGES)
        self._away.mkdir()
        self._library = InstalledModels(Execution(device="cpu"), None)
        self._turn = 0
        self.held: dict[int, frozenset[str]] = {}

    def swap(self) -> None:
        """Bring back what was taken away, take others away, and publish."""
        for file in self._away.iterdir():
            file.rename(self._photographs / file.name)
        for place in range(3):
            file = self._files[(self._turn + 5 * place) % _IMAGES]
            file.rename(self._away / file.name)
        self._turn += 1
        self.publish()

    def publish(self) -> None:
        """Index what there is, and note what the new generation holds."""
        index_collection(IndexRequest(self.data, _COLLECTION, (self._photographs,)), self._library)
        with open_current(collection_dir(self.data, _COLLECTION)) as generation:
            catalog = generation.catalog
            images = catalog.images_at(range(catalog.image_count))
            self.held[generation.number] = frozenset(image.id for image in images)


@contextmanager
def searching(port: int, clients: int, *, keep_alive: bool = True) -> Iterator[list[tuple[int, int, frozenset[str]]]]:
    """Search without a pause; give each whole answer's status, generation and images.

    Without ``keep_alive`` each request has a connection of its own: a proxy may close any that waits for the next one.
    """
    over, seen = threading.Event(), list[tuple[int, int, frozenset[str]]]()

    def work() -> None:
        limits = httpx.Limits(max_keepalive_connections=None if keep_alive else 0)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits) as client:
            while not over.is_set():
                seen.append(_all_pages(client))

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _all_pages(client: httpx.Client) -> tuple[int, int, frozenset[str]]:
    body: dict[str, object] = {"query": "coloured noise", "k": _PAGE, "collection": _COLLECTION}
    found: set[str] = set()
    generations = set()
    while True:
        try:
            answer = client.post("/search/text", json=body)
        except httpx.TransportError:
            return 0, 0, frozenset()
        if not answer.is_success:
            return answer.status_code, 0, frozenset()
        page = answer.json()
        found |= {hit["id"] for hit in page["results"]}
        generations.add(page["collection"]["generation"])
        if page["next_cursor"] is None:
            return 200, generations.pop() if len(generations) == 1 else -1, frozenset(found)
        body["cursor"] = page["next_cursor"]


def judge(seen: list[tuple[int, int, frozenset[str]]], held: dict[int, frozenset[str]], swaps: int) -> list[Figure]:
    """Return the figures of what was seen, each a status, a generation and images."""
    whole = [(generation, images) for status, generation, images in seen if status == httpx.codes.OK]
    statuses = Counter(status for status, _, _ in seen)
    stale = sum(statuses[status] for status in _STALE)
    mixed = sum(held.get(generation) != images for generation, images in whole)
    served = len({generation for generation, _ in whole})
    note = f"{len(seen):,} searches of several pages by clients without a pause, while {swaps} generations came"
    failures = {status: count for status, count in statuses.items() if status not in (httpx.codes.OK, *_STALE)}
    told = "".join(f"; {count:,} of status {status}" for status, count in sorted(failures.items()))
    return [
        Figure("failed searches", sum(failures.values()), "searches", "<= 0", note + told),
        Figure("answers that mix generations", mixed, "searches", "<= 0", note),
        Figure("told to begin again between two pages", stale, "searches", note="the generation had changed"),
        Figure(
            "generations that answered",
            served,
            "generations",
            note=f"of {swaps + 1}, where the service looks 20 times a second",
        ),
    ]


if __name__ == "__main__":
    main()
