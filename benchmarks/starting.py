"""Measures what starting costs: CPU seconds of whole processes, with and without converted models; memory of a service.

``python benchmarks/starting.py`` indexes the demonstration into a scratch folder, then runs each command several times,
with the cache of converted models empty or warm, and writes ``benchmarks/results/starting.csv``: medians over the runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.figures import Figure, format_csv
from benchmarks.provenance import provenance

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "starting.csv"
_PROGRAM = (sys.executable, "-m", "service.cli")
_READY_TIMEOUT_S = 180
_AIMS_CPU_S = {
    "without": {"search": 9.0, "index, nothing new": 9.0, "serve, until ready": 9.0},
    "with": {"search": 1.5, "index, nothing new": 1.5, "serve, until ready": 2.5},
}


@dataclass(frozen=True)
class Cost:
    """What a process cost: CPU and wall seconds, and memory in MB (of a service: its proportional set size)."""

    cpu_s: float
    wall_s: float
    memory_mb: float


def run(arguments: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a command to its end."""
    started = time.perf_counter()
    process = subprocess.Popen([*_PROGRAM, *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(arguments)} failed")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024)


def serve(arguments: Sequence[str], environment: dict[str, str], port: int) -> Cost:
    """Start a service, stop it when it is ready; its costs until then."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [*_PROGRAM, "serve", "--port", str(port), *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - started > _READY_TIMEOUT_S:
                raise SystemExit("the service did not get ready")
            time.sleep(0.05)
        ticks = [
            int(field) for field in Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        ]
        memory = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        pss_kb = next(int(line.split()[1]) for line in memory.splitlines() if line.startswith("Pss:"))
        return Cost(sum(ticks) / os.sysconf("SC_CLK_TCK"), time.perf_counter() - started, pss_kb / 1024)
    finally:
        process.terminate()
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data, cache = Path(scratch, "data"), Path(scratch, "cache")
        environment = {
            **os.environ,
            "SEMBLANCE_DATA_DIR": str(data),
            "SEMBLANCE_CACHE_DIR": str(cache),
            "HF_HUB_OFFLINE": "1",
        }
        index = ["index", "demo/photographs", "--collection", "demo", "--captions", "demo/captions.csv"]
        measured = {
            "search": lambda: run(["search", "demo", "a dog on the beach"], environment),
            "index, nothing new": lambda: run(index, environment),
            "serve, until ready": lambda: serve([], environment, options.port),
        }
        run(index, environment)
        figures = []
        for state, aims in _AIMS_CPU_S.items():
            for name, measure in measured.items():
                costs = []
                for _ in range(options.runs):
                    if state == "without":
                        shutil.rmtree(cache, ignore_errors=True)
                    costs.append(measure())
                figures += _figures(f"{name}, {state} converted models", costs, aims[name])
                print(figures[-3:], flush=True)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/starting.py")), encoding="utf-8")


def _figures(name: str, costs: Sequence[Cost], aim_cpu_s: float) -> list[Figure]:
    """Return the medians of several runs."""
    cpu_s, wall_s, memory_mb = (
        statistics.median(values)
        for values in zip(*((cost.cpu_s, cost.wall_s, cost.memory_mb) for cost in costs), strict=True)
    )
    note = f"median of {len(costs)}, 110 photographs"
    return [
        Figure(name, cpu_s, "CPU s", f"<= {aim_cpu_s}", note),
        Figure(f"{name}: wall", wall_s, "s", note=note),
        Figure(f"{name}: memory", memory_mb, "MB", note=note),
    ]


if __name__ == "__main__":
    main()
