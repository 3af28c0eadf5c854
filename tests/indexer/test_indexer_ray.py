"""Encoding by workers of Ray gives what one process gives, whatever is killed on the way."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks.drawn_photographs import draw_photographs
from indexer.errors import SourceError, UnlikeWorkerError
from indexer.indexing import index_collection
from indexer.ingest.encoded_vectors import KnownImages
from indexer.ingest.image_pass import ImagePass
from indexer.ingest.image_worker import ImageWorker, WorkerTask, identities
from indexer.ingest.request import IndexRequest
from indexer.sources.local_folders import LocalFolders
from indexer.store.generation import open_current
from models.cards import ModelIdentity
from models.imaging.limits import DEFAULT_LIMITS
from models.inference.cache_folder import cache_folder
from models.inference.execution import Execution
from models.library import InstalledModels
from models.names import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]
COLLECTION = "drawn"
HERE = Execution(device="cpu", threads=1)


def command(photographs: Path, data: Path, *options: str) -> list[str]:
    named = ["--collection", COLLECTION, "--data-dir", str(data), "--matcher", "none"]
    return [sys.executable, "-m", "service.cli", "index", str(photographs), *named, *options]


def index(photographs: Path, data: Path, *options: str) -> str:
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command(photographs, data, *options), cwd=ROOT, env=environment, **pipes)
    try:
        output, errors = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # it tells what each thread waits for
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    return output


def index_here(photographs: Path, data: Path) -> None:
    request = IndexRequest(data, COLLECTION, (photographs,), matchers=("none",), execution=HERE)
    index_collection(request, InstalledModels(HERE, cache_folder()))


def published(data: Path) -> tuple[str, list[str], list[str | None], np.ndarray]:
    """Return a collection's digest of contents, its images in order, what is told of them, and their vectors."""
    with open_current(data / "collections" / COLLECTION) as generation:
        records = generation.catalog.images_at(range(generation.catalog.image_count))
        vectors = np.array(generation.vector_set(DEFAULT_MODEL, "image").matrix)
        told = [repr(replace(record, added_at=None)) for record in records]
        return generation.manifest.content_sha256, [record.id for record in records], told, vectors


def assert_alike(one: Path, other: Path) -> None:
    (digest, ids, told, vectors), others = published(one), published(other)
    assert (digest, ids, told) == others[:3]
    np.testing.assert_allclose(vectors @ vectors.T, others[3] @ others[3].T, atol=1e-3)
    assert (vectors * others[3]).sum(axis=1).min() > 0.999


@contextmanager
def indexing(photographs: Path, data: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run it in a session of its own, all of which ends with the block."""
    with (photographs.parent / "log").open("wb") as log:  # no pipe: Ray's own processes outlive a kill for a while
        process = subprocess.Popen(
            command(photographs, data, *options), cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stored(data: Path) -> int:
    return sum(log.stat().st_size for log in data.glob(f"collections/{COLLECTION}/work/vectors/*.image.*"))


def workers_below(process: int) -> list[int]:
    """Return the actors that descend from a process."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            if b"ImageWorker" in (status.parent / "cmdline").read_bytes() or int(fields[1]) > 1:
                parents[int(status.parent.name)] = int(fields[1])
        except OSError:
            continue
    found = [process]
    for of in found:
        found += [child for child, parent in parents.items() if parent == of]
    return [one for one in found if is_worker(one)]


def is_worker(process: int) -> bool:
    try:
        return b"ray::ImageWorker" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> WorkerTask:
    photographs = tmp_path_factory.mktemp("photographs")
    draw_photographs(photographs, 3)
    one = ImagePass(DEFAULT_MODEL, (), HERE)
    worker = one.load(InstalledModels(HERE, cache_folder()))
    return WorkerTask(
        passes=(one,),
        roots=(str(photographs),),
        missing_roots=(),
        made_by=identities([worker]),
        limits=DEFAULT_LIMITS,
        known=KnownImages({DEFAULT_MODEL: frozenset()}),
        revisions={},
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        cores=1,
    )


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    draw_photographs(folder, 40)
    (folder / "broken.jpg").write_bytes(b"no image")
    return folder


class TestAWorker:
    """One worker, without a cluster."""

    def test_it_encodes_what_is_not_known_and_what_it_gives_can_be_sent(self, task):
        source = LocalFolders(task.roots)
        files = [source.stat(key) for key in source.list_files().keys]
        with closing(ImageWorker(pickle.loads(pickle.dumps(task)))) as worker:
            batch = worker.encode(files)
        [(model, keys, rows)] = pickle.loads(pickle.dumps(batch)).rows
        assert (model, rows.shape[0]) == (DEFAULT_MODEL, 3)
        assert sorted(keys) == sorted(read.sha256 for read in batch.reads)
        known = KnownImages({DEFAULT_MODEL: frozenset(keys[:2])})
        with closing(ImageWorker(replace(task, known=known))) as worker:
            [(_, fewer, _)] = worker.encode(files).rows
        assert list(fewer) == keys[2:]

    def test_it_refuses_other_models_and_another_decoder(self, task):
        other = ModelIdentity(DEFAULT_MODEL, "0" * 64, "0" * 64)
        for changed in (replace(task, made_by=(other,)), replace(task, decoder_revision=10**6)):
            with pytest.raises(UnlikeWorkerError, match="install the same Semblance everywhere"):
                ImageWorker(changed).ready()

    def test_it_refuses_to_work_without_the_photographs(self, task, tmp_path):
        gone = replace(task, roots=(str(tmp_path / "gone"),))
        with pytest.raises(SourceError, match="gone: mount it there, too"):
            ImageWorker(gone).ready()


class TestACluster:
    """Several workers, by Ray."""

    @pytest.fixture(autouse=True)
    def needed(self):
        pytest.importorskip("ray", reason="needs Ray: pip install 'semblance[ray]'")

    def test_two_workers_publish_what_one_process_does(self, photographs, tmp_path):
        index_here(photographs, tmp_path / "one")
        report = index(photographs, tmp_path / "two", "--workers", "2")
        assert "40 images (40 encoded" in report
        assert "1 failed" in report
        assert_alike(tmp_path / "one", tmp_path / "two")

    @pytest.mark.slow
    def test_killed_workers_cost_their_batches_and_a_killed_driver_goes_on(self, tmp_path):
        photographs, data = tmp_path / "photographs", tmp_path / "data"
        draw_photographs(photographs, 600)
        with indexing(photographs, data, "--workers", "2") as process:
            wait_until(lambda: stored(data) > 0, process)
            killed = workers_below(process.pid)
            assert killed
            for worker in killed:
                os.kill(worker, signal.SIGKILL)
            before = stored(data)
            wait_until(lambda: stored(data) > before + 200_000, process)
            process.kill()
            process.wait()
            wait_until_gone(killed)
        report = index(photographs, data, "--workers", "2")
        encoded = int(report.partition(" images (")[2].partition(" encoded")[0])
        assert 0 < encoded < 600
        index_here(photographs, tmp_path / "one")
        assert_alike(tmp_path / "one", data)

    @pytest.mark.slow
    def test_workers_on_a_running_cluster(self, photographs, tmp_path):
        index_here(photographs, tmp_path / "one")
        with a_cluster() as address:
            index(photographs, tmp_path / "many", "--ray", address)
            assert "unchanged" in index(photographs, tmp_path / "many", "--ray", address, "--workers", "3")
        assert_alike(tmp_path / "one", tmp_path / "many")

    @pytest.mark.slow
    def test_shards_that_kill_or_hold_up_every_worker_end_the_run(self, tmp_path):
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("dying_workers.py")], capture_output=True, text=True, check=True
        )
        told = json.loads(done.stdout)
        assert told["starts"].startswith("WorkersLostError: workers are lost (")
        assert told["shards"].startswith("WorkersLostError: workers are lost (")
        assert told["deaths"] == 3
        assert told["silence"].startswith("WorkersLostError: workers are lost (nothing came of them in 5 s)")


def wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(is_worker(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def a_cluster() -> Iterator[str]:
    """Start a cluster of two nodes on this machine, as ``ray start`` does."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        yield cluster.address
    finally:
        cluster.shutdown()
