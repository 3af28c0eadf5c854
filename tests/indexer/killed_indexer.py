"""Programs that index and are killed by SIGKILL on the way; the tests start them as processes of their own.

``encoding DATA PHOTOS STORED``    dies in the encoder when the vectors and features of STORED images are in the logs
``publishing DATA PHOTOS SCRATCH`` for every durable step (flush, rename, delete; with PostgreSQL every statement and
                                   commit, too) of an indexing run in turn: runs it in a fork that dies before that
                                   step, then checks what is left and indexes again
"""

import os
import shutil
import signal
import sys
import time
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import Engine, event
from toy_encoder import ToyEncoder
from toy_indexing import index_with
from toy_matcher import ToyFeatureEncoder

from indexer.ingest.request import IndexRequest
from indexer.layout import CollectionLayout
from indexer.store.generation import current_pointer, open_current
from models.types import Pixels, Vectors

DURABLE_STEPS = ("fsync", "rename", "replace", "unlink", "rmdir")
RECORD_BYTES = {"toy": 32 + 4 * 4 + 4, "toy-matcher": 32 + 4 * 3 * 2 + 4}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingEncoder(ToyFeatureEncoder):
    """Dies instead of encoding once enough vectors and features are on the disk."""

    def __init__(self, log_folder: Path, stored: int) -> None:
        super().__init__()
        self.log_folder, self.stored = log_folder, stored

    def encode_images(self, prepared: Pixels) -> Vectors:
        sizes = {next(self.log_folder.glob(f"{name}.image.*")): size for name, size in RECORD_BYTES.items()}
        while self.images_encoded >= self.stored:  # all of them are handed over: wait until they are written
            if all(log.stat().st_size >= self.stored * size for log, size in sizes.items()):
                die()
            time.sleep(0.01)
        return super().encode_images(prepared)


def die_at(step: int) -> None:
    """Make the process die before its ``step``-th durable step."""
    steps = count(1)

    def dying(function):
        def call(*arguments, **options):
            if next(steps) == step:
                die()
            return function(*arguments, **options)

        return call

    for name in DURABLE_STEPS:
        setattr(os, name, dying(getattr(os, name)))
    if os.environ.get("SEMBLANCE_CATALOG_URL"):  # a catalog that is no file takes its steps elsewhere
        event.listen(Engine, "before_cursor_execute", dying(lambda *_: None))
        event.listen(Engine, "commit", dying(lambda *_: None))


def in_fork(function) -> int:
    """Run a function in a forked process and return how that ended (waitpid's status)."""
    child = os.fork()
    if child == 0:
        function()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def names(root: Path) -> set[str]:
    with open_current(root) as generation:
        return {record.name for record in generation.catalog.images_at(range(generation.catalog.image_count))}


def publishing(data: Path, photos: Path, scratch: Path) -> int:
    """Return how many places there were to die at."""
    before, after = {"1.png", "2.png", "3.png"}, {"2.png", "3.png", "4.png"}

    def check(killed: CollectionLayout, request: IndexRequest) -> None:
        assert names(killed.root) in (before, after), "the current generation is whole"
        present = [int(path.name) for path in killed.generations.iterdir() if path.name.isdecimal()]
        report = index_with(request, [ToyEncoder()])
        assert names(killed.root) == after, "indexing again brings everything"
        assert report.generation is None or report.generation > max(present), "with a number never used"
        leftovers = [path.name for path in killed.generations.iterdir() if path.name.startswith(".")]
        assert leftovers == [], "and sweeps"

    # Once without dying, so that what is imported and compiled on the way is there in every fork.
    shutil.copytree(data, scratch)
    index_with(IndexRequest(scratch, "toy", (photos,)), [ToyEncoder()])
    for step in count(1):
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(data, scratch)
        killed = CollectionLayout(scratch / "collections" / "toy")
        request = IndexRequest(scratch, "toy", (photos,))

        def run(step: int = step, request: IndexRequest = request) -> None:
            die_at(step)
            index_with(request, [ToyEncoder()])

        status = in_fork(run)
        if status == 0:
            return step - 1
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert current_pointer(killed.root).generation in (1, 2)
        assert in_fork(lambda killed=killed, request=request: check(killed, request)) == 0
    raise AssertionError


if __name__ == "__main__":
    what, data_dir, photo_folder, extra = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    if what == "encoding":
        encoder = DyingEncoder(data_dir / "collections" / "toy" / "work" / "vectors", int(extra))
        index_with(IndexRequest(data_dir, "toy", (photo_folder,)), [encoder])
    else:
        print(publishing(data_dir, photo_folder, Path(extra)))
