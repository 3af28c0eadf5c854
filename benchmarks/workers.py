"""Measures encoding by workers of Ray beside one process: ``python benchmarks/workers.py``.

Each way reads and encodes the same drawn photographs in a process of its own, and they take turns. Rates are of what
comes between the first batch and the last, so that loading models and starting the cluster count for nothing; how long
the first batch took is told by itself. Results go to ``benchmarks/results/workers.csv``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.drawn_photographs import draw_photographs
from benchmarks.figures import Figure, format_csv, median_ratio
from benchmarks.provenance import provenance
from indexer.ingest.encoded_vectors import KnownImages
from indexer.ingest.image_batches import batches_here
from indexer.ingest.image_pass import ImagePass
from indexer.ingest.image_reader import ImageReader
from indexer.ingest.image_worker import WorkerTask, identities
from indexer.ingest.ray_batches import Cluster, batches_on_ray
from indexer.sources.local_folders import LocalFolders
from models.imaging.decode_pool import DecoderPool
from models.imaging.limits import DEFAULT_LIMITS
from models.inference.cache_folder import cache_folder
from models.inference.execution import Execution, available_cores
from models.library import InstalledModels
from models.names import DEFAULT_MODEL

RESULTS = Path(__file__).parent / "results" / "workers.csv"
_CORES = 2


@dataclass(frozen=True)
class _Way:
    """How images are encoded: by so many workers, 0 being none but the process itself, on so many cores together."""

    name: str
    workers: int
    cores: int


_WAYS = (
    _Way("no worker, two cores", 0, _CORES),
    _Way("one worker, two cores", 1, _CORES),
    _Way("two workers of one thread", 2, _CORES),
    _Way("one worker of one thread, one core", 1, 1),
)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way is not None:
        json.dump(run(_WAYS[given.way], given.folder), sys.stdout)
        return
    figures = measure(given.photographs, given.rounds)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/workers.py")), encoding="utf-8")


def measure(photographs: int, rounds: int) -> list[Figure]:
    """Return the rates of every way, and what they are to each other."""
    with tempfile.TemporaryDirectory() as folder:
        draw_photographs(Path(folder), photographs)
        told = [[_in_own_process(number, folder) for number in range(len(_WAYS))] for _ in range(rounds)]
    rates = [[of_round[number]["images_per_s"] for of_round in told] for number in range(len(_WAYS))]
    first = [[of_round[number]["first_batch_s"] for of_round in told] for number in range(len(_WAYS))]
    note = f"{photographs:,} drawn photographs, median of {rounds} rounds in turns"
    none, one, two, single = rates
    return [
        *(Figure(way.name, statistics.median(of), "images/s", note=note) for way, of in zip(_WAYS, rates, strict=True)),
        Figure("one worker over none", median_ratio(one, none), "ratio", note="what the way through Ray costs"),
        Figure(
            "two workers over one, of one thread each", median_ratio(two, single), "ratio", note="what a second gains"
        ),
        *(
            Figure(f"first batch, {way.name}", statistics.median(of), "s", note="models loaded, cluster started")
            for way, of in list(zip(_WAYS, first, strict=True))[:3]
        ),
    ]


def _in_own_process(way: int, folder: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--way", str(way), "--folder", folder]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def run(way: _Way, folder: Path) -> dict[str, float]:
    """Encode all photographs of a folder one way; return the rate, and the seconds until the first batch."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: way.cores])
    started = time.perf_counter()
    execution = Execution(device="cpu", threads=way.cores)
    one = ImagePass(DEFAULT_MODEL, (), execution)
    worker = one.load(InstalledModels(execution, cache_folder()))
    source, known = LocalFolders([str(folder)]), KnownImages({DEFAULT_MODEL: frozenset()})
    files, now = [source.stat(key) for key in source.list_files().keys], datetime.now(UTC)
    with DecoderPool(available_cores(), DEFAULT_LIMITS) as decoder:
        if way.workers:

            def task_for(cores: int) -> WorkerTask:
                return WorkerTask((one,), source.roots, (), identities([worker]), DEFAULT_LIMITS, known, {}, now, cores)

            batches = batches_on_ray(Cluster(way.workers), task_for, files)
        else:
            by_name = {DEFAULT_MODEL: worker}
            batches = batches_here(ImageReader(source, by_name, known, {}, decoder, now), by_name, files)
        counts, times = [], []
        for batch in batches:
            counts.append(len(batch.reads))
            times.append(time.perf_counter())
    rate = sum(counts[1:]) / (times[-1] - times[0])
    return {"images_per_s": rate, "first_batch_s": times[0] - started}


if __name__ == "__main__":
    main()
