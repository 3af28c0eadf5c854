"""Reads and encodes files in the processes of a Ray cluster: shards of the source go to whichever worker is free.

Each worker is an actor with its own models. It has two shards at a time, so that one is read while the other is
encoded; more are handed out only as results are taken, which bounds the memory everywhere. A worker that dies, or of
which nothing is heard, costs its shards, which others do again, and is replaced.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from indexer.errors import WorkersLostError
from indexer.ingest.image_batches import EncodedBatch
from indexer.ingest.image_worker import ImageWorker, WorkerTask
from indexer.sources.base import FoundFile
from models.imaging.limits import DecodeLimits
from models.inference.batches import IMAGE_BATCH
from models.inference.execution import available_cores

_SHARDS_OF_A_WORKER = 2
_TRIES = 3
_START_S = 600.0
"""How long a worker may take to start: a cluster may have to load models from a slow disk."""
_OBJECT_STORE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Cluster:
    """Where workers run.

    Attributes:
        workers: how many; 0 is one for each GPU of the cluster, or else for each of its machines.
        address: of a running cluster; None starts one of this machine alone, for this run.
    """

    workers: int = 0
    address: str | None = None


def batches_on_ray(
    cluster: Cluster, task_for: Callable[[int], WorkerTask], files: Sequence[FoundFile]
) -> Iterator[EncodedBatch]:
    """Read and encode files on a cluster, in whatever order they are done.

    Args:
        cluster: where.
        task_for: what a worker of so many cores has to know.
        files: to read.

    Raises:
        WorkersLostError: workers die again and again, or none starts.
        UnlikeWorkerError: a worker's models are not those of this process.
        SemblanceError: as ``ImageWorker.encode``.
    """
    with _connected(cluster):
        yield from _Crew(cluster.workers, task_for).run(files)


@contextmanager
def _connected(cluster: Cluster) -> Iterator[None]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    quiet = {"log_to_driver": False, "logging_level": "error"}
    if cluster.address:
        ray.init(address=cluster.address, **quiet)
    else:
        ray.init(
            address="local",
            num_cpus=max(cluster.workers, available_cores()),
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            **quiet,
        )
    with redirect_stdout(sys.stderr):  # what Ray tells of lost workers is no result
        try:
            yield
        finally:
            ray.shutdown()


@dataclass
class _Shard:
    files: Sequence[FoundFile]
    tries: int = 0


@dataclass(eq=False)
class _Worker:
    actor: Any
    is_ready: bool = False
    is_lost: bool = False
    shards: list[_Shard] = field(default_factory=list)


class _Crew:
    """The workers of a run, and what each of them has to do."""

    def __init__(self, count: int, task_for: Callable[[int], WorkerTask]) -> None:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = sum(node.get("GPU", 0) for node in nodes)
        cores = sum(node.get("CPU", 0) for node in nodes)
        largest = max(node.get("CPU", 0) for node in nodes)
        count = count or int(gpus) or len(nodes)
        self._cores = max(1, int(min(largest, cores // count)))
        self._gpus = min(1.0, gpus / count)
        task = task_for(self._cores)
        device = task.passes[0].execution.device
        if device == "auto":
            device = "cuda" if self._gpus else "cpu"
        passes = tuple(
            replace(one, execution=replace(one.execution, device=device, threads=self._cores)) for one in task.passes
        )
        self._task = ray.put(replace(task, passes=passes))
        self._silence_s = _longest_silence_s(task.limits)
        self._calls: dict[Any, tuple[_Worker, _Shard | None]] = {}
        self._failed_starts = 0
        self._workers = [self._start() for _ in range(count)]

    def run(self, files: Sequence[FoundFile]) -> Iterator[EncodedBatch]:
        """Yield what comes of the files, until all are done."""
        waiting = deque(_Shard(files[start : start + IMAGE_BATCH]) for start in range(0, len(files), IMAGE_BATCH))
        while waiting or any(worker.shards for worker in self._workers):
            self._hand_out(waiting)
            batch = self._next(waiting)
            if batch is not None:
                yield batch

    def _start(self) -> _Worker:
        kind = ray.remote(ImageWorker).options(
            num_cpus=self._cores, num_gpus=self._gpus, max_concurrency=_SHARDS_OF_A_WORKER
        )
        worker = _Worker(kind.remote(self._task))
        self._calls[worker.actor.ready.remote()] = (worker, None)
        return worker

    def _hand_out(self, waiting: deque[_Shard]) -> None:
        """Give shards to the workers that have room, the least busy first."""
        for worker in sorted(self._workers, key=lambda worker: len(worker.shards)):
            while waiting and worker.is_ready and len(worker.shards) < _SHARDS_OF_A_WORKER:
                shard = waiting.popleft()
                worker.shards.append(shard)
                self._calls[worker.actor.encode.remote(shard.files)] = (worker, shard)

    def _next(self, waiting: deque[_Shard]) -> EncodedBatch | None:
        """Wait for any worker; return what it encoded, None where it has done something else."""
        any_ready = any(worker.is_ready for worker in self._workers)
        done, _ = ray.wait(list(self._calls), num_returns=1, timeout=self._silence_s if any_ready else _START_S)
        if not done and not any_ready:
            raise WorkersLostError(f"none has started in {_START_S:.0f} s: has the cluster {self._cores} free cores?")
        if not done:
            for silent in {worker for worker, _ in self._calls.values()}:
                self._replace(silent, waiting, f"nothing came of them in {self._silence_s:.0f} s")
            return None
        worker, shard = self._calls.pop(done[0])
        try:
            result: EncodedBatch | None = ray.get(done[0])
        except RayTaskError as error:
            raise error.cause from None
        except RayError as error:  # of the process, the machine or the network
            self._replace(worker, waiting, _first_sentence(error))
            return None
        if shard is None:
            worker.is_ready, self._failed_starts = True, 0
        else:
            worker.shards.remove(shard)
        return result

    def _replace(self, worker: _Worker, waiting: deque[_Shard], reason: str) -> None:
        """Start another worker in the place of one that is lost, and have its shards done again."""
        if worker.is_lost:
            return
        self._calls = {call: (of, shard) for call, (of, shard) in self._calls.items() if of is not worker}
        self._failed_starts += not worker.is_ready
        for shard in worker.shards:
            shard.tries += 1
        if self._failed_starts == _TRIES or any(shard.tries == _TRIES for shard in worker.shards):
            raise WorkersLostError(reason)
        waiting.extendleft(worker.shards)
        worker.is_lost = True
        with suppress(RayError):
            ray.kill(worker.actor)  # where it can only not be reached
        self._workers[self._workers.index(worker)] = self._start()


def _longest_silence_s(limits: DecodeLimits) -> float:
    """Return in how many seconds a worker gives something, though each image that it has costs all it may."""
    return _START_S + _SHARDS_OF_A_WORKER * IMAGE_BATCH * limits.max_decode_cpu_s


def _first_sentence(error: RayError) -> str:
    """Return what an error says, without Ray's advice."""
    return " ".join(str(error).split()).partition(". ")[0]
