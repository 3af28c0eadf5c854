"""Starts servers in processes of their own, for as long as they are measured."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_TIMEOUT_S = 180


@dataclass(frozen=True)
class Server:
    """A running server: its port on this machine, and its process."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def cpu_s(self) -> float:
        """CPU seconds that the process has used so far."""
        return _cpu_s(self.process.pid)

    @property
    def tree(self) -> list[int]:
        """The process and those that it started."""
        return [self.process.pid, *_children(self.process.pid)]

    @property
    def tree_cpu_s(self) -> float:
        """CPU seconds that all of them have used so far."""
        return sum(map(_cpu_s, self.tree))

    @property
    def memory_mb(self) -> float:
        """The proportional set size of the process."""
        return _memory_mb(self.process.pid, "Pss")

    @property
    def tree_memory_mb(self) -> float:
        """The proportional set size of the process and of those that it started."""
        return self._tree_mb("Pss")

    @property
    def tree_own_memory_mb(self) -> float:
        """The part of it that is in no file: no other program that uses the same libraries has a part in it."""
        return self._tree_mb("Pss_Anon")

    def _tree_mb(self, field: str) -> float:
        return sum(_memory_mb(pid, field) for pid in self.tree)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int, field: str) -> float:
    """Return a proportional set size of a process, as the kernel names it; none where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0) / 1024


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@contextmanager
def semblance(
    data_dir: Path, *, checkout: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run ``semblance serve`` until the block ends; enter it when searches can be answered.

    Args:
        data_dir: folder of the collections.
        checkout: folder of the code that serves; by default this one's.
        environment: beside this process's own.
    """
    command = [sys.executable, "-m", "service.cli", "serve", "--data-dir", str(data_dir.resolve()), "--port"]
    with _running(command, (), checkout or Path(__file__).parents[1], environment or {}) as server:
        _wait_until(server, lambda: httpx.get(f"http://127.0.0.1:{server.port}/readyz").is_success)
        yield server


@contextmanager
def semblance_at(port: int, data_dir: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run ``semblance serve`` at a port; enter it when searches can be answered."""
    command = [sys.executable, "-m", "service.cli", "serve", "--data-dir", str(data_dir.resolve()), "--port"]
    with _running(command, (), Path(__file__).parents[1], environment, port) as server:
        _wait_until(server, lambda: httpx.get(f"http://127.0.0.1:{server.port}/readyz").is_success)
        yield server


@contextmanager
def script(path: str, *arguments: str) -> Iterator[Server]:
    """Run a Python program, which is given a port and the arguments, until the block ends; enter it when it listens."""
    with _running([sys.executable, path], arguments, Path.cwd(), {}) as server:
        _wait_until(server, lambda: socket.create_connection(("127.0.0.1", server.port), timeout=1).close() is None)
        yield server


def free_port() -> int:
    """Return a port of this machine that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _running(
    command: Sequence[str], arguments: Sequence[str], folder: Path, environment: Mapping[str, str], port: int = 0
) -> Iterator[Server]:
    port = port or free_port()
    process = subprocess.Popen(
        [*command, str(port), *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Server(port, process)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until(server: Server, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if ready():
                return
        except (OSError, httpx.TransportError):
            pass
        time.sleep(0.05)
    sys.exit(f"benchmarks: {' '.join(map(str, server.process.args))} did not start")
