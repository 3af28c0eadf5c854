"""The second step: turns files into stored vectors and features; reading, encoding and writing overlap.

Threads read and decode files before the encoder needs them; the encoder runs in the caller's thread; one more thread
writes. How far each may be from the next is bounded, and with it memory: what waits is only what the models take in,
``(S, S, 3)`` pixels an image.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.base import CatalogWriter, ImageFacts, SeenFile, content_id
from indexer.errors import EmptyCollectionError
from indexer.ingest.background_writer import BackgroundWriter
from indexer.ingest.encoded_vectors import EncodedVectors
from indexer.ingest.image_facts import image_facts
from indexer.ingest.image_pass import PassWorker
from indexer.ingest.plan import Plan
from indexer.ingest.prefetch import prefetch
from indexer.ingest.removals import AwayFolder, away_folders
from indexer.ingest.request import Progress
from indexer.sources.base import FoundFile, PhotoSource
from models.errors import ImageError
from models.imaging.decode import ImageDecoder
from models.inference.batches import IMAGE_BATCH
from models.types import Pixels

MAX_FILE_BYTES = 256 * 2**20  # a larger file is no photograph, and reading it whole would fill the memory

_FILES_AHEAD = 4 * IMAGE_BATCH
_BATCHES_BEHIND = 4


@dataclass(frozen=True)
class EncodedImages:
    """What came of the images.

    Attributes:
        ids: of the images, by the key of each file that holds one.
        added: how many images were encoded.
        deleted: how many images no file holds any more.
        away: folders whose images are missing, and were kept.
        failed: files that are no image or cannot be read, each with the reason.
        images_per_s: files read, decoded, encoded and stored in a second; None where there were none to read.
    """

    ids: Mapping[str, str]
    added: int
    deleted: int
    away: tuple[AwayFolder, ...]
    failed: tuple[tuple[str, str], ...]
    images_per_s: float | None


def encode_images(
    plan: Plan,
    workers: Sequence[PassWorker],
    vectors: EncodedVectors,
    catalog: CatalogWriter,
    decoder: ImageDecoder,
    progress: Progress,
    added_at: datetime,
) -> EncodedImages:
    """Read, encode and note the files of a plan, and forget those that are gone.

    Args:
        plan: of the run.
        workers: run the passes.
        vectors: where rows are stored.
        catalog: where files are noted.
        decoder: of the files.
        progress: told how many are done.
        added_at: noted of images that are new.

    Raises:
        EmptyCollectionError: no image is left.
        ModelError: a model gave what is no row.
        StorageError: the disk is full or cannot be written.
    """
    started = time.perf_counter()
    encoding = _ImageEncoding(plan.source, workers, vectors, catalog, set(plan.held.values()), decoder, added_at)
    if plan.to_read:
        encoding.run(plan.to_read, progress)
    seconds = time.perf_counter() - started
    seen = catalog.seen_files().values()
    away, gone = _gone(plan, seen)
    unreadable = encoding.unreadable + _never_encoded(gone, encoding, vectors, seen)
    forgotten = {*gone, *(key for key, _ in unreadable)}
    deleted = catalog.forget(sorted(forgotten))
    files = [file for file in seen if file.key not in forgotten]
    undecodable = [(file.key, file.failure) for file in files if file.failure]
    failed = (*plan.found.unreadable, *unreadable, *undecodable)
    ids = {file.key: content_id(file.sha256) for file in files if file.sha256}
    if not ids:
        key, reason = failed[0]
        raise EmptyCollectionError(f"none of the {len(failed)} images could be read; {key}: {reason}")
    rate = len(plan.to_read) / seconds if plan.to_read else None
    return EncodedImages(ids, len(encoding.encoded), deleted, tuple(away), failed, rate)


@dataclass(frozen=True)
class _ReadFile:
    """A file that was read: what to note of it, and what each pass that it needs takes in."""

    file: FoundFile
    sha256: bytes | None = None
    facts: ImageFacts | None = None
    prepared: Mapping[str, Pixels] = field(default_factory=dict)
    failure: str | None = None
    unreadable: str | None = None


class _ImageEncoding:
    """Runs several passes over image files and notes the files in the catalog.

    Args:
        source: of the files.
        workers: run the passes.
        vectors: where rows are stored.
        catalog: where files are noted.
        known: SHA-256 of the images whose facts the catalog has.
        decoder: of the files.
        added_at: noted of images that are new.
    """

    def __init__(
        self,
        source: PhotoSource,
        workers: Sequence[PassWorker],
        vectors: EncodedVectors,
        catalog: CatalogWriter,
        known: Collection[bytes],
        decoder: ImageDecoder,
        added_at: datetime,
    ) -> None:
        self._source, self._vectors, self._catalog = source, vectors, catalog
        self._workers = {worker.card.name: worker for worker in workers}
        self._known, self._decoder, self._added_at = known, decoder, added_at
        self._shrink_to = max(worker.card.preprocessing.size for worker in workers)
        self._claimed: set[tuple[str, bytes]] = set()
        self.unreadable: list[tuple[str, str]] = []
        self.encoded: set[bytes] = set()

    def run(self, files: Sequence[FoundFile], progress: Progress) -> None:
        """Read, encode and store; files that do not decode are noted with the reason.

        Afterwards ``encoded`` holds the hashes of the images encoded, ``unreadable`` the files that could not be read.
        """
        batch: list[_ReadFile] = []
        to_encode = done = 0
        with BackgroundWriter() as writer:
            for read in prefetch(self._read, files, threads=available_cores(), depth=_FILES_AHEAD):
                batch.append(read)
                to_encode += bool(read.prepared)
                if to_encode == IMAGE_BATCH or len(batch) == _FILES_AHEAD:
                    writer.submit(self._encode(batch))
                    done += len(batch)
                    progress("images", done, len(files))
                    batch, to_encode = [], 0
            writer.submit(self._encode(batch))
        progress("images", len(files), len(files))

    def _read(self, found: FoundFile) -> _ReadFile:
        """Read and, where a model lacks the image or the catalog its facts, decode one file (in a thread)."""
        if found.size > MAX_FILE_BYTES:
            return _ReadFile(found, failure=f"{found.size:,} bytes, more than the limit of {MAX_FILE_BYTES:,}")
        try:
            content = self._source.read(found.key)
        except OSError as error:
            return _ReadFile(found, unreadable=error.strerror or str(error))
        sha256 = hashlib.sha256(content).digest()
        lacking = self._vectors.lacking("image", sha256)
        if not lacking and sha256 in self._known:
            return _ReadFile(found, sha256)
        try:
            photo = self._decoder.decode(content, shrink_to=self._shrink_to)
        except ImageError as error:
            return _ReadFile(found, failure=str(error))
        facts = image_facts(sha256, photo, self._added_at)
        serving = {name: worker for name, worker in self._workers.items() if worker.serves(lacking)}
        return _ReadFile(found, sha256, facts, {name: one.prepare(photo.pixels) for name, one in serving.items()})

    def _encode(self, batch: Sequence[_ReadFile]) -> Callable[[], None]:
        """Encode what no earlier file of the same content has brought; return what is left to do: to write it."""
        new: list[tuple[str, list[bytes], NDArray[Any]]] = []
        for name, worker in self._workers.items():
            inputs = {
                read.sha256: read.prepared[name]
                for read in batch
                if read.sha256 and name in read.prepared and (name, read.sha256) not in self._claimed
            }
            if inputs:
                self._claimed.update((name, key) for key in inputs)
                outputs = worker.run(np.stack(list(inputs.values())))
                new += [(model, list(inputs), rows) for model, rows in outputs.items()]
        return lambda: self._write(batch, new)

    def _write(self, batch: Sequence[_ReadFile], new: Iterable[tuple[str, list[bytes], NDArray[Any]]]) -> None:
        """Store rows, then note the files: a file is never noted as an image before its rows are safe."""
        for model, keys, rows in new:
            self._vectors.append(model, "image", keys, rows)
            self.encoded.update(keys)
        self.unreadable += [(read.file.key, read.unreadable) for read in batch if read.unreadable]
        self._catalog.record(
            [read.facts for read in batch if read.facts],
            [
                SeenFile(read.file.key, read.file.size, read.file.mtime_ns, read.sha256, read.failure)
                for read in batch
                if not read.unreadable
            ],
        )


def _gone(plan: Plan, seen: Collection[SeenFile]) -> tuple[list[AwayFolder], set[str]]:
    """Return the folders of which nothing is removed, and the keys of the files that are gone elsewhere."""
    if plan.allow_removal:
        return [], set(plan.gone)
    there = {file.key: file.sha256 for file in seen if file.key not in plan.gone}
    images_there = {sha256 for sha256 in there.values() if sha256}
    away = away_folders(plan.source, plan.held, there, images_there, plan.min_present)
    places = [folder.place for folder in away]
    return away, {key for key in plan.gone if not any(plan.source.is_below(key, place) for place in places)}


def _never_encoded(
    gone: Collection[str], encoding: _ImageEncoding, vectors: EncodedVectors, seen: Iterable[SeenFile]
) -> list[tuple[str, str]]:
    """Return the images that could not be read in this run and that a model lacks, each with the reason."""
    told = {*gone, *(key for key, _ in encoding.unreadable)}
    reason = "cannot be read now, and has not been encoded with this model"
    return [
        (file.key, reason)
        for file in seen
        if file.sha256 and file.key not in told and vectors.lacking("image", file.sha256)
    ]


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
