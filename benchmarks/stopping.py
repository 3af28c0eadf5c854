"""Tells a service under load to stop, again and again: ``python benchmarks/stopping.py``.

Clients search without a pause, each request on a connection of its own, while the service gets SIGTERM. It has to end
within its grace, and to answer every request that it took; a connection that it refuses costs a client nothing. Results
go to ``benchmarks/results/stopping.csv``.
"""

from __future__ import annotations

import argparse
import json
import socket
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.drawn_photographs import draw_photographs
from benchmarks.figures import Figure, format_csv, percentile
from benchmarks.provenance import provenance
from benchmarks.serving import Server, semblance
from indexer.indexing import index_collection
from indexer.ingest.request import IndexRequest
from models.inference.execution import Execution
from models.library import InstalledModels

RESULTS = Path(__file__).parent / "results" / "stopping.csv"
_COLLECTION = "drawn"
_CLIENTS = 16
_LOADED_S = 0.5
_GRACE_S = 20


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stops", type=int, default=50)
    figures = measure(parser.parse_args().stops)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/stopping.py")), encoding="utf-8")


def measure(stops: int) -> list[Figure]:
    """Return what came of so many stops."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "data")
        draw_photographs(Path(scratch, "photographs"), 24)
        library = InstalledModels(Execution(device="cpu"))
        index_collection(IndexRequest(data, _COLLECTION, (Path(scratch, "photographs"),)), library)
        seconds, outcomes = [], Counter[str]()
        for _ in range(stops):
            with semblance(data) as server:
                taken, of_clients = _stop(server)
            seconds.append(taken)
            outcomes += of_clients
    note = f"{stops} stops, {_CLIENTS} clients, {outcomes['answered']:,} requests answered"
    return [
        Figure("end after SIGTERM, longest", max(seconds), "s", f"<= {_GRACE_S}", note),
        Figure("end after SIGTERM, median", percentile(seconds, 50), "s"),
        Figure("requests taken and not answered", outcomes["cut"], "requests", "<= 0", note),
        Figure("connections refused while it ended", outcomes["refused"], "requests"),
    ]


def _stop(server: Server) -> tuple[float, Counter[str]]:
    """Stop a service under load; return the seconds that it took, and what became of the requests."""
    outcomes, guard = Counter[str](), threading.Lock()

    def work() -> None:
        outcome = ""
        while outcome != "refused":
            outcome = _ask(server.port)
            with guard:
                outcomes[outcome] += 1

    threads = [threading.Thread(target=work) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(_LOADED_S)
    started = time.perf_counter()
    server.process.terminate()
    server.process.wait()
    taken = time.perf_counter() - started
    for thread in threads:
        thread.join()
    return taken, outcomes


def _ask(port: int) -> str:
    """Send one request; return ``answered``, ``refused`` where no byte of it was taken, or ``cut``."""
    body = json.dumps({"query": "coloured noise"}).encode()
    head = f"POST /search/text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"  # noqa: E501 - as it is sent
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(head.encode() + body)
            while data := connection.recv(65536):
                answer += data
    except ConnectionError:  # the kernel had accepted it for a service that was not to take it any more
        return "cut" if answer else "refused"
    return "answered" if answer.endswith(b"}") else ("cut" if answer else "refused")


if __name__ == "__main__":
    main()
