"""Workers of Ray that die in every start, or of every shard, or hang; tells how the run ends: a test starts it."""

import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from indexer.errors import WorkersLostError
from indexer.ingest import ray_batches
from indexer.ingest.encoded_vectors import KnownImages
from indexer.ingest.image_pass import ImagePass
from indexer.ingest.image_worker import WorkerTask, identities
from indexer.ingest.ray_batches import Cluster, batches_on_ray
from indexer.sources.base import FoundFile
from models.imaging.limits import DEFAULT_LIMITS
from models.inference.cache_folder import cache_folder
from models.inference.execution import Execution
from models.library import InstalledModels
from models.names import DEFAULT_MODEL


@dataclass(frozen=True)
class DeadlyFile(FoundFile):
    """A file that kills who unpickles it, and leaves a note."""

    notes: str = ""

    def __reduce__(self):
        return die, (self.notes,)


@dataclass(frozen=True)
class EndlessFile(FoundFile):
    """A file that keeps busy who unpickles it."""

    def __reduce__(self):
        return time.sleep, (1e6,)


@dataclass(frozen=True)
class DeadlyTask(WorkerTask):
    """A task that kills who unpickles it."""

    def __reduce__(self):
        return die, ("",)


def die(notes: str) -> None:
    if notes:
        Path(notes, str(os.getpid())).touch()
    os.kill(os.getpid(), signal.SIGKILL)


def outcome(task: WorkerTask, files: list[FoundFile]) -> str:
    try:
        list(batches_on_ray(Cluster(1), lambda cores: replace(task, cores=cores), files))
    except WorkersLostError as error:
        return f"WorkersLostError: {error}"
    return "none"


def main() -> None:
    execution = Execution(device="cpu", threads=1)
    one = ImagePass(DEFAULT_MODEL, (), execution)
    made_by = identities([one.load(InstalledModels(execution, cache_folder()))])
    known, now = KnownImages({DEFAULT_MODEL: frozenset()}), datetime(2026, 1, 1, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as folder:
        task = WorkerTask((one,), (folder,), (), made_by, DEFAULT_LIMITS, known, {}, now, 1)
        shards = outcome(task, [DeadlyFile("x.jpg", 1, 1, folder)])
        deaths = len(list(Path(folder).iterdir()))
        ray_batches._longest_silence_s = lambda limits: 5.0
        silence = outcome(task, [EndlessFile("x.jpg", 1, 1)])
    starts = outcome(DeadlyTask(**vars(task)), [FoundFile("x.jpg", 1, 1)])
    json.dump({"shards": shards, "deaths": deaths, "silence": silence, "starts": starts}, sys.stdout)


if __name__ == "__main__":
    main()
