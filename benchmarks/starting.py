"""Measures what starting costs: CPU seconds of whole processes, with and without converted models; memory of a service.

``python benchmarks/starting.py`` indexes 10,000 photographs of Flickr8k and COCO into a scratch folder, then runs each
command several times, with the cache of converted models empty or warm, and writes ``benchmarks/results/starting.csv``:
medians over the runs. The memory of the service is that of its process before the first explanation.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.figures import Figure, format_csv
from benchmarks.provenance import provenance
from benchmarks.serving import semblance
from lab.data.captioned import training_data_root

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "starting.csv"
COLLECTION = "photographs"
_SETS = ("flickr8k", "coco")
_AIMS_CPU_S = {
    "without": {"search": 9.0, "index, nothing new": 9.0, "serve, until ready": 9.0},
    "with": {"search": 1.5, "index, nothing new": 1.5, "serve, until ready": 2.5},
}
_AIM_MB = "<= 450"


@dataclass(frozen=True)
class Cost:
    """What a process cost: CPU and wall seconds, and memory in MB (of a service: its proportional set size)."""

    cpu_s: float
    wall_s: float
    memory_mb: float


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        photographs = copy_photographs(Path(scratch, "photographs"), options.images)
        figures = measure(photographs, Path(scratch), options.runs)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/starting.py")), encoding="utf-8")


def copy_photographs(folder: Path, count: int) -> Path:
    """Copy so many photographs into a folder; ends the program where they are not here."""
    root = training_data_root()
    if root is None:
        sys.exit("benchmarks: set SEMBLANCE_TRAINING_DATA to the folder that holds flickr8k/ and coco/")
    folder.mkdir()
    files = [file for name in _SETS for file in sorted((root / name / "images").glob("*.jpg"))]
    for number, file in enumerate(files[:count]):
        shutil.copy(file, folder / f"{number:05}.jpg")  # links are not indexed
    return folder


def measure(photographs: Path, scratch: Path, runs: int) -> list[Figure]:
    """Index, then run each command again and again."""
    data, cache = scratch / "data", scratch / "cache"
    environment = {
        "SEMBLANCE_DATA_DIR": str(data),
        "SEMBLANCE_CACHE_DIR": str(cache),
        "HF_HUB_OFFLINE": "1",
    }
    index = ["index", str(photographs), "--collection", COLLECTION]
    measured: dict[str, Callable[[], Cost]] = {
        "search": lambda: run(["search", COLLECTION, "a dog on the beach"], environment),
        "index, nothing new": lambda: run(index, environment),
        "serve, until ready": lambda: serve(data, environment),
    }
    run(index, environment)
    figures = []
    for state, aims in _AIMS_CPU_S.items():
        for name, once in measured.items():
            costs = []
            for _ in range(runs):
                if state == "without":
                    shutil.rmtree(cache, ignore_errors=True)
                costs.append(once())
            figures += _figures(f"{name}, {state} converted models", costs, aims[name])
            print(figures[-3:], flush=True)
    return figures


def run(arguments: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a command to its end."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "service.cli", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(arguments)} failed")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024)


def serve(data: Path, environment: dict[str, str]) -> Cost:
    """Start a service; its costs until it is ready, and its memory when it has answered a search."""
    started = time.perf_counter()
    with semblance(data, environment=environment) as server:
        cpu_s, wall_s = server.cpu_s, time.perf_counter() - started
        answer = httpx.post(f"http://127.0.0.1:{server.port}/search/text", json={"query": "a dog on the beach"})
        answer.raise_for_status()
        return Cost(cpu_s, wall_s, server.memory_mb)


def _figures(name: str, costs: Sequence[Cost], aim_cpu_s: float) -> list[Figure]:
    """Return the medians of several runs."""
    cpu_s, wall_s, memory_mb = (
        statistics.median(values)
        for values in zip(*((cost.cpu_s, cost.wall_s, cost.memory_mb) for cost in costs), strict=True)
    )
    note = f"median of {len(costs)}, 10,000 photographs"
    is_service = name.startswith("serve") and "with converted" in name
    return [
        Figure(name, cpu_s, "CPU s", f"<= {aim_cpu_s}", note),
        Figure(f"{name}: wall", wall_s, "s", note=note),
        Figure(f"{name}: memory", memory_mb, "MB", _AIM_MB if is_service else "", note),
    ]


if __name__ == "__main__":
    main()
