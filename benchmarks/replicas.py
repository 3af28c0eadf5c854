"""Publishes and restarts replicas under load, and looks at every answer: ``python benchmarks/replicas.py``.

Two services stand behind nginx, which asks none a second time (``proxy_next_upstream off``), on one data folder; then
with catalogs in PostgreSQL and vectors in Milvus. A collection loses and regains pictures while clients that count
search for all of them, page by page, each request on a connection of its own. Half-way, one service after the other is
taken out of nginx's list, told to stop, started anew and put back when it is ready. A search is mixed where its pages
hold another set of images than the generation that they name. Results go to ``benchmarks/results/replicas.csv``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import milvus_server
from benchmarks.figures import Figure, format_csv
from benchmarks.hot_swaps import Swapping, judge, searching
from benchmarks.milvus_server import MilvusProcess
from benchmarks.nginx import Nginx, nginx
from benchmarks.postgres_server import PostgresServer
from benchmarks.provenance import provenance
from benchmarks.serving import Server, free_port, semblance_at

RESULTS = Path(__file__).parent / "results" / "replicas.csv"
_CLIENTS = 6
_WATCHING = {"SEMBLANCE_WATCH_S": "0.05"}
_REPLICAS = 2


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publishes", type=int, default=100)
    parser.add_argument("--engine-publishes", type=int, default=100, help="of those with PostgreSQL and Milvus")
    given, where = parser.parse_args(), provenance("python benchmarks/replicas.py")
    figures = [_named("one data folder", figure) for figure in measure(given.publishes)]
    RESULTS.write_text(format_csv(figures, where), encoding="utf-8")
    if milvus_server.can_start():
        with engines() as environment:
            measured = measure(given.engine_publishes, environment)
            figures += [_named("PostgreSQL and Milvus", figure) for figure in measured]
        RESULTS.write_text(format_csv(figures, where), encoding="utf-8")


def measure(publishes: int, environment: Mapping[str, str] | None = None, clients: int = _CLIENTS) -> list[Figure]:
    """Return what came of so many publications and a rolling restart.

    Args:
        publishes: how many generations come.
        environment: of the indexer, which is this process, and of the services; names the engines, where there are any.
        clients: that search at a time.
    """
    os.environ.update(environment or {})
    try:
        with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
            swapping = Swapping(Path(scratch))
            swapping.publish()
            replicas = _Replicas(swapping.data, environment or {})
            stack.callback(replicas.stop)
            proxy = stack.enter_context(nginx(Path(scratch, "nginx"), replicas.ports))
            with searching(proxy.port, clients, keep_alive=False) as seen:
                for _ in range(publishes // 2):
                    swapping.swap()
                restarting = threading.Thread(target=replicas.restart_each, args=(proxy,))
                restarting.start()
                for _ in range(publishes - publishes // 2):
                    swapping.swap()
                restarting.join()
            restarts = Figure(
                "services restarted", replicas.restarted, "services", note="in turn, while generations came"
            )
            return [*judge(seen, swapping.held, publishes), restarts]
    finally:
        for name in environment or {}:
            del os.environ[name]


@contextmanager
def engines() -> Iterator[dict[str, str]]:
    """Start PostgreSQL and Milvus; give what has them used."""
    with ExitStack() as started:
        postgres = PostgresServer()
        started.callback(postgres.stop)
        milvus = MilvusProcess()
        started.callback(milvus.stop)
        yield {"SEMBLANCE_CATALOG_URL": postgres.url, "SEMBLANCE_VECTORS_URL": milvus.url}


class _Replicas:
    """Services on one data folder, each at a port that it keeps."""

    def __init__(self, data: Path, environment: Mapping[str, str]) -> None:
        self._data, self._environment = data, {**environment, **_WATCHING}
        self.ports = [free_port() for _ in range(_REPLICAS)]
        self._running: dict[int, tuple[ExitStack, Server]] = {}
        self.restarted = 0
        for port in self.ports:
            self._start(port)

    def restart_each(self, proxy: Nginx) -> None:
        """Restart one after the other, none of which is asked meanwhile."""
        for port in self.ports:
            proxy.use([other for other in self.ports if other != port])
            self._stop(port)
            self._start(port)
            proxy.use(self.ports)
            self.restarted += 1

    def stop(self) -> None:
        """Stop them all."""
        for port in list(self._running):
            self._stop(port)

    def _start(self, port: int) -> None:
        stack = ExitStack()
        self._running[port] = stack, stack.enter_context(semblance_at(port, self._data, self._environment))

    def _stop(self, port: int) -> None:
        stack, _ = self._running.pop(port)
        stack.close()


def _named(where: str, figure: Figure) -> Figure:
    return Figure(f"{where}: {figure.name}", figure.value, figure.unit, figure.aim, figure.note)


if __name__ == "__main__":
    main()
