"""Measures how fast explanations are, and what searches lose to them: ``python benchmarks/explaining.py``.

It indexes the demonstration's photographs into a scratch folder and serves them, with converted models that are kept as
after a first run. Every explanation is of another sentence, so that none is answered from memory but where that is
measured. Searches are sent at a steady rate, alone and while two clients explain without a pause, in turns; a round's
ratio is of neighbours in time. Memory, processor time and threads are those of the service and all its processes.
Results go to ``benchmarks/results/explaining.csv``; ``--quick`` writes none.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.figures import Figure, format_csv, median_ratio, percentile
from benchmarks.open_loop import Request, send
from benchmarks.provenance import provenance
from benchmarks.serving import Server, semblance

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "explaining.csv"
_PHOTOGRAPHS = ROOT / "demo" / "photographs"
_COLLECTION = "photographs"
_AT_ONCE = 8
_WARM_UP = 5
_EXPLAINERS = 2
_LEAVE_AFTER_S = 0.05
"""Long enough that explanations have begun, and less than one takes."""
_SETTLE_S = 2.0


@dataclass(frozen=True)
class Size:
    """How much is measured: starts, explanations of each kind, rounds of searches and the seconds of each."""

    starts: int
    explanations: int
    rounds: int
    seconds: float


FULL, QUICK = Size(3, 60, 7, 10.0), Size(1, 10, 2, 3.0)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short try; nothing is written")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as scratch:
        index = ["index", str(_PHOTOGRAPHS), "--collection", _COLLECTION, "--data-dir", scratch]
        command = [sys.executable, "-m", "service.cli", *index, "--matcher", "late-interaction"]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        figures = measure(Path(scratch), QUICK if quick else FULL)
    print("\n".join(f"{f.name}: {f.value:.4g} {f.unit} {f.aim} {f.met}  {f.note}" for f in figures))
    if not quick:
        RESULTS.write_text(format_csv(figures, provenance("python benchmarks/explaining.py")), encoding="utf-8")


def measure(data_dir: Path, size: Size) -> list[Figure]:
    """Return all figures."""
    with semblance(data_dir) as server:
        Asker(server.port).explain()  # converts and compiles what is kept from now on
    firsts = []
    for _ in range(size.starts):
        with semblance(data_dir) as server:
            asker, before = Asker(server.port), server.tree_memory_mb
            firsts.append(asker.explain().seconds)
            figures = [_torch(server), Figure("memory that explaining takes", server.tree_memory_mb - before, "MB",
                                              note="after the first explanation, beside that before")]  # fmt: skip
    with semblance(data_dir) as server:
        asker = Asker(server.port)
        figures = [_first(firsts), *figures, *speed(asker, size.explanations)]
        alone = asker.maps(1)
        figures += [*searches(asker, size), *leftovers(server, asker), *gradients(asker, size.explanations)]
    with semblance(data_dir) as server:
        return [*figures, _same(alone, Asker(server.port).maps(_AT_ONCE))]


@dataclass(frozen=True)
class Explained:
    """An answer of the service, and the seconds that it took."""

    answer: dict[str, Any]
    seconds: float


class Asker:
    """Asks for explanations: no sentence twice."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        captions = _captions()
        self._sentences = (f"{caption} {turn}" for turn in itertools.count(1) for caption in captions)
        found = self.client.post("/search/text", json={"query": "a photograph", "k": 24}).raise_for_status().json()
        self._images = itertools.cycle(sorted(result["image_id"] for result in found["results"]))

    def parameters(self, **others: str) -> dict[str, str]:
        """Return what the next explanation is asked with."""
        return {"image_id": next(self._images), "query": next(self._sentences), "correct": "off", **others}

    def explain(self, **others: str) -> Explained:
        """Ask for one explanation."""
        return self.get(self.parameters(**others))

    def get(self, parameters: dict[str, str]) -> Explained:
        """Ask for a certain one."""
        started = time.perf_counter()
        answer = self.client.get("/explain", params=parameters).raise_for_status()
        seconds = time.perf_counter() - started
        return Explained(answer.json() if parameters.get("format") != "png" else {}, seconds)

    def maps(self, at_once: int) -> list[Any]:
        """Return the maps and words of the same explanations always, so many asked for at one time."""
        images = sorted(self._one_image_each())
        asked = [{"image_id": i, "query": text} for i, text in zip(images, _captions(), strict=False)]
        with ThreadPoolExecutor(at_once) as callers:
            answers = list(callers.map(self.get, asked))
        return [(one.answer["maps"], one.answer["words"], one.answer["score"]) for one in answers]

    def _one_image_each(self) -> set[str]:
        return {next(self._images) for _ in range(24)}


def speed(asker: Asker, count: int) -> list[Figure]:
    """Return how long the default's explanations take when warm, and what painting them costs."""
    for _ in range(_WARM_UP):
        asker.explain()
    explained, painted = [], []
    for _ in range(count):
        parameters = asker.parameters()
        explained.append(asker.get(parameters).seconds)
        painted.append(asker.get({**parameters, "format": "png"}).seconds)  # of the map that is remembered now
    long = [asker.explain(query=_long_sentence(turn)).seconds for turn in range(max(3, count // 10))]
    note = f"{count} sentences, one client"
    return [
        Figure("a sentence of 60 words, p50", _ms(long, 50), "ms", "<= 1000", f"{len(long)} of them"),
        Figure("places over HTTP, warm, p50", _ms(explained, 50), "ms", "<= 130", note),
        Figure("places over HTTP, warm, p95", _ms(explained, 95), "ms", "", note),
        Figure("the painted picture, beside its map", median_ratio(painted, explained), "ratio", "< 1",
               f"p50 {_ms(painted, 50):.3g} ms"),
    ]  # fmt: skip


def gradients(asker: Asker, count: int) -> list[Figure]:
    """Return how long Grad-CAM takes; the first one loads torch."""
    first = asker.explain(method="grad-cam").seconds
    warm = [asker.explain(method="grad-cam").seconds for _ in range(count)]
    note = f"{count} sentences, one client; the first took {first:.2g} s"
    return [Figure("grad-cam over HTTP, warm, p50", _ms(warm, 50), "ms", "<= 250", note)]


def searches(asker: Asker, size: Size) -> list[Figure]:
    """Return what searches by words lose while others explain."""
    requests = [Request("/search/text", b'{"query": "%s"}' % text.encode()) for text in _captions()]
    times = [_answered(asker.client, request) for request in requests[:50]]
    rate = 1 / statistics.median(times) / 4
    send(asker.port, requests, rate, min(size.seconds, 3))
    alone, beside, count = [], [], 0
    for _ in range(size.rounds):
        alone.append(_p95_s(asker.port, requests, rate, size.seconds))
        with explaining(asker) as explained:
            beside.append(_p95_s(asker.port, requests, rate, size.seconds))
        count += explained()
    seconds = size.rounds * size.seconds
    note = (
        f"{rate:.3g} searches a second; p95 {statistics.median(alone) * 1e3:.3g} ms alone and "
        f"{statistics.median(beside) * 1e3:.3g} ms beside; {count / seconds:.2g} explanations a second"
    )
    name = f"searches' p95 while {_EXPLAINERS} clients explain"
    return [Figure(name, median_ratio(beside, alone), "ratio", "<= 1.2", note)]


@contextmanager
def explaining(asker: Asker) -> Iterator[Callable[[], int]]:
    """Let clients explain without a pause for the length of the block; give how many answers came."""
    over, answered, lock = threading.Event(), itertools.count(), threading.Lock()

    def work() -> None:
        while not over.is_set():
            with lock:
                parameters = asker.parameters()
            asker.get(parameters)
            next(answered)

    threads = [threading.Thread(target=work) for _ in range(_EXPLAINERS)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: next(answered)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def leftovers(server: Server, asker: Asker) -> list[Figure]:
    """Return what goes on, or stays, after callers have left in the middle of their explanations."""
    threads = _threads(server)
    with ThreadPoolExecutor(_AT_ONCE) as callers:
        list(callers.map(lambda _: _leave(asker), range(_AT_ONCE)))
    time.sleep(_SETTLE_S)
    before = server.tree_cpu_s
    time.sleep(_SETTLE_S)
    idle = (server.tree_cpu_s - before) / _SETTLE_S
    note = f"{_SETTLE_S:.0f} s after {_AT_ONCE} clients hung up"
    return [
        Figure("CPU of explanations that nobody waits for", idle, "cores", "<= 0.1", note),
        Figure("threads beside those before", _threads(server) - threads, "threads", "<= 0", note),
    ]


def _leave(asker: Asker) -> None:
    with suppress(httpx.TimeoutException):
        httpx.get(f"http://127.0.0.1:{asker.port}/explain", params=asker.parameters(), timeout=_LEAVE_AFTER_S)


def _same(one: Sequence[Any], other: Sequence[Any]) -> Figure:
    different = sum(a != b for a, b in zip(one, other, strict=True))
    note = f"of {len(one)} explanations, asked one after another and {_AT_ONCE} at once of a service started anew"
    return Figure(f"other maps or words where {_AT_ONCE} ask at once", different, "explanations", "<= 0", note)


def _first(seconds: Sequence[float]) -> Figure:
    note = f"the slowest of {len(seconds)} starts; converted models are kept"
    return Figure("the first explanation after a start", max(seconds), "s", "<= 1", note)


def _torch(server: Server) -> Figure:
    loaded = any("libtorch" in Path(f"/proc/{pid}/maps").read_text() for pid in server.tree)
    return Figure("torch is loaded for the default", loaded, "1 is yes", "<= 0")


def _threads(server: Server) -> int:
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in server.tree)


def _answered(client: httpx.Client, request: Request) -> float:
    started = time.perf_counter()
    client.post(request.path, content=request.body, headers={"Content-Type": request.media_type}).raise_for_status()
    return time.perf_counter() - started


def _p95_s(port: int, requests: Sequence[Request], rate: float, seconds: float) -> float:
    run = send(port, requests, rate, seconds)
    assert len(run.with_status(200)) == len(run.replies), "searches were refused"
    return percentile([reply.seconds for reply in run.replies], 95)


def _ms(seconds: Sequence[float], percent: float) -> float:
    return percentile(seconds, percent) * 1e3


def _long_sentence(turn: int) -> str:
    return " ".join(" ".join(_captions()[turn:]).split()[:60])


def _captions() -> list[str]:
    with (ROOT / "demo" / "captions.csv").open(newline="", encoding="utf-8") as file:
        return [row["caption"] for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()
