"""Asks for more than the service can answer: text at 3 times its capacity, uploads at 5, explanations at 10 times.

``python benchmarks/overload.py`` indexes the demonstration's photographs into a scratch folder and serves them. Each
kind of request is sent by clients that wait for their answers (the best rate that any number of them gets is its
capacity), then at a multiple of that rate, however the service does, beside a trickle of health checks and of searches
by words. Goodput is what was answered with 200 while requests were sent. The generator is this process, and the CPU
time that it takes, of cores that it shares with the service, is one of the figures.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from benchmarks.figures import Figure, format_csv, percentile
from benchmarks.open_loop import Reply, Request, Run, send
from benchmarks.provenance import provenance
from benchmarks.serving import semblance

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "overload.csv"
_PHOTOGRAPHS = ROOT / "demo" / "photographs"
_CLIENTS = (4, 16)
_ALL_AT_ONCE_PER_S = 1e6
_LIVEZ_PER_S, _WORDS_PER_S = 10.0, 4.0
_IN_A_ROW = 5
"""So many answers in a row, each within twice the p95 of a lone client, are the service's normal state."""
_NEVER_S = 60.0


@dataclass(frozen=True)
class Kind:
    """A kind of request: what is sent, at which multiple of its capacity, and the aim for what is accepted."""

    name: str
    requests: Sequence[Request]
    factor: int
    accepted_s: float
    enough: int
    """So many requests tell a rate."""


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each overload; a shorter try is not written")
    parser.add_argument("--kinds", nargs="*", default=["text", "uploads", "explanations"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        index = ["index", str(_PHOTOGRAPHS), "--collection", "photographs", "--data-dir", scratch]
        subprocess.run([sys.executable, "-m", "service.cli", *index], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        with semblance(Path(scratch)) as server:
            kinds = [kind for kind in kinds_of(server.port) if kind.name in options.kinds]
            figures = [figure for kind in kinds for figure in measure(server.port, kind, options.seconds)]
    text = format_csv(figures, provenance("python benchmarks/overload.py"))
    print("\n".join(f"{f.name}: {f.value:.4g} {f.unit} {f.aim} {f.met}" for f in figures))
    if options.seconds >= 30 and len(kinds) == 3:
        RESULTS.write_text(text, encoding="utf-8")


def kinds_of(port: int) -> list[Kind]:
    """Return the kinds of requests; no sentence comes twice, so that no explanation is answered from memory."""
    with (ROOT / "demo" / "captions.csv").open(newline="", encoding="utf-8") as file:
        captions = [row["caption"] for row in csv.DictReader(file)]
    sentences = [f"{caption} {number}" for number in range(300) for caption in captions]
    found = httpx.post(f"http://127.0.0.1:{port}/search/text", json={"query": "a photograph"}, timeout=60).json()
    explain = f"/explain?image_id={found['results'][0]['image_id']}&query="
    files = sorted(_PHOTOGRAPHS.glob("*.jpg"))
    return [
        Kind("text", [words(text) for text in sentences], 3, 1.0, 300),
        Kind("uploads", [Request("/search/image", path.read_bytes(), "image/jpeg") for path in files], 5, 1.0, 100),
        Kind("explanations", [Request(explain + quote(text), b"", method="GET") for text in sentences], 10, 3.0, 40),
    ]


def words(text: str) -> Request:
    """Return a search by words."""
    return Request("/search/text", b'{"query": "%s"}' % text.encode())


def measure(port: int, kind: Kind, seconds: float) -> list[Figure]:
    """Measure one kind: its capacity, then the overload, then how long the service needs to be as before."""
    fresh, n = list(kind.requests), kind.enough
    wait_for_answers(port, _next(fresh, n // 10), 1)
    alone, _ = wait_for_answers(port, _next(fresh, n // 5), 1)
    peak = max(wait_for_answers(port, _next(fresh, n), clients)[1] for clients in _CLIENTS)
    beside = [words(f"a house by a lake {number}") for number in range(1000)]
    cpu_s = time.process_time()
    with ThreadPoolExecutor(3) as senders:
        main, alive, searched = senders.map(
            lambda what: send(port, *what, seconds, connections=256),
            (
                (fresh, kind.factor * peak),
                ([Request("/livez", b"", method="GET")], _LIVEZ_PER_S),
                (beside, _WORDS_PER_S),
            ),
        )
    generator = (time.process_time() - cpu_s) / (seconds + max(0.0, main.replies[-1].due_s - seconds))
    recovered_s = recover(port, fresh[len(main.replies) % len(fresh) :], 2 * percentile(alone, 95))
    return _figures(kind, seconds, peak, main, alive, searched, generator, recovered_s)


def _next(requests: list[Request], count: int) -> list[Request]:
    """Move so many requests to the end, so that the next are others."""
    taken = requests[:count]
    requests[:] = [*requests[count:], *taken]
    return taken


def wait_for_answers(port: int, requests: Sequence[Request], clients: int) -> tuple[list[float], float]:
    """Let clients send all, each its next request when its last is answered.

    Returns:
        The seconds between one answer and the next of a client, and how many a second were answered with 200.
    """
    run = send(port, requests, _ALL_AT_ONCE_PER_S, len(requests) / _ALL_AT_ONCE_PER_S, connections=clients)
    ends = sorted(reply.due_s + reply.seconds for reply in run.replies)
    return [end - before for before, end in zip([0.0, *ends], ends, strict=False)], len(run.with_status(200)) / ends[-1]


def recover(port: int, requests: Sequence[Request], normal_s: float) -> float:
    """Return the seconds until a lone client is answered as before."""
    row, started, since = 0, time.perf_counter(), 0.0
    for request in requests:
        since = time.perf_counter() - started if not row else since
        (reply,) = send(port, [request], 1, 1).replies
        row = row + 1 if reply.status == 200 and reply.seconds <= normal_s else 0
        if row == _IN_A_ROW or time.perf_counter() - started > _NEVER_S:
            break
    return since if row == _IN_A_ROW else _NEVER_S


def _figures(
    kind: Kind, seconds: float, peak: float, main: Run, alive: Run, searched: Run, generator: float, recovered_s: float
) -> list[Figure]:
    accepted, refused = main.with_status(200), main.with_status(503)
    in_time = [reply for reply in accepted if reply.due_s + reply.seconds <= seconds]
    failed = len(main.replies) - len(accepted) - len(refused)
    name = f"{kind.name} at {kind.factor} times"
    note = f"{len(main.replies):,} requests in {seconds:.0f} s, {len(refused):,} of them refused"
    return [
        Figure(f"{kind.name}: capacity", peak, "requests/s", note=f"the best of {_CLIENTS} clients that wait"),
        Figure(f"{name}: goodput over capacity", len(in_time) / seconds / peak, "ratio", ">= 0.9", note),
        Figure(f"{name}: accepted, p99", _p(99, accepted), "s", f"<= {kind.accepted_s}", note),
        Figure(f"{name}: refused, p99", _p(99, refused) if refused else 0.0, "s", "<= 0.15", note),
        Figure(f"{name}: neither answered nor refused", failed, "requests", "<= 0", note),
        Figure(f"{name}: back to normal", recovered_s, "s", "<= 5", "answers within twice the p95 of a lone client"),
        Figure(f"{name}: /livez, p99", _p(99, alive.with_status(200)), "s", "<= 0.25"),
        Figure(f"{name}: words beside it, p95", _p(95, searched.with_status(200)), "s", note=_share(searched)),
        Figure(f"{name}: CPU of the generator", generator, "cores"),
    ]


def _p(percent: float, replies: Sequence[Reply]) -> float:
    return percentile([reply.seconds for reply in replies], percent) if replies else _NEVER_S


def _share(run: Run) -> str:
    return f"{len(run.with_status(200))} of {len(run.replies)} answered"


if __name__ == "__main__":
    main()
