"""The second step: turns files into stored vectors and features; reading, encoding and writing overlap.

Batches come from this process or from others; a thread of its own writes. How far each may be from the next is bounded,
and with it memory: what waits is only what the models take in, ``(S, S, 3)`` pixels an image, or what comes of them.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from numpy.typing import NDArray

from indexer.catalog.base import CatalogWriter, SeenFile, content_id
from indexer.errors import EmptyCollectionError
from indexer.ingest.background_writer import BackgroundWriter
from indexer.ingest.encoded_vectors import EncodedVectors
from indexer.ingest.image_batches import EncodedBatch
from indexer.ingest.image_reader import ReadFile
from indexer.ingest.plan import Plan
from indexer.ingest.removals import AwayFolder, away_folders
from indexer.ingest.request import Progress


@dataclass(frozen=True)
class EncodedImages:
    """What came of the images.

    Attributes:
        ids: of the images, by the key of each file that holds one.
        added: how many images were encoded.
        deleted: how many images no file holds any more.
        away: folders whose images are missing, and were kept.
        remarks: files that were read all the same, each with what is wrong with it.
        failed: files that are no image or cannot be read, each with the reason.
        images_per_s: files read, decoded, encoded and stored in a second; None where there were none to read.
    """

    ids: Mapping[str, str]
    added: int
    deleted: int
    away: tuple[AwayFolder, ...]
    remarks: tuple[tuple[str, str], ...]
    failed: tuple[tuple[str, str], ...]
    images_per_s: float | None


def encode_images(
    plan: Plan,
    batches: Iterable[EncodedBatch],
    vectors: EncodedVectors,
    catalog: CatalogWriter,
    progress: Progress,
) -> EncodedImages:
    """Store and note what comes of the files of a plan, and forget those that are gone.

    Args:
        plan: of the run.
        batches: read and encode its files as they are asked for; not begun where there are none to read.
        vectors: where rows are stored.
        catalog: where files are noted.
        progress: told how many are done.

    Raises:
        EmptyCollectionError: no image is left.
        ModelError: a model gave what is no row.
        StorageError: the disk is full or cannot be written.
    """
    started = time.perf_counter()
    encoding = _ImageEncoding(vectors, catalog)
    if plan.to_read:
        encoding.run(batches, len(plan.to_read), progress)
    seconds = time.perf_counter() - started
    seen = catalog.seen_files().values()
    away, gone = _gone(plan, seen, encoding.former)
    unreadable = encoding.unreadable + _never_encoded(gone, encoding, vectors, seen)
    forgotten = {*gone, *(key for key, _ in unreadable)}
    deleted = catalog.forget(sorted(forgotten))
    files = [file for file in seen if file.key not in forgotten]
    undecodable = [(file.key, file.failure) for file in files if file.failure]
    failed = (*plan.found.unreadable, *plan.found.odd, *unreadable, *undecodable)
    ids = {file.key: content_id(file.sha256) for file in files if file.sha256}
    if not ids:
        key, reason = failed[0]
        raise EmptyCollectionError(f"none of the {len(failed)} images could be read; {key}: {reason}")
    rate = len(plan.to_read) / seconds if plan.to_read else None
    remarks = tuple(encoding.remarks)
    return EncodedImages(ids, len(encoding.encoded), deleted, tuple(away), remarks, failed, rate)


class _ImageEncoding:
    """Stores the rows of image files and notes the files in the catalog.

    Args:
        vectors: where rows are stored.
        catalog: where files are noted.
    """

    def __init__(self, vectors: EncodedVectors, catalog: CatalogWriter) -> None:
        self._vectors, self._catalog = vectors, catalog
        self.unreadable: list[tuple[str, str]] = []
        self.remarks: list[tuple[str, str]] = []
        self.encoded: set[bytes] = set()
        self.former: dict[bytes, bytes] = {}

    def run(self, batches: Iterable[EncodedBatch], count: int, progress: Progress) -> None:
        """Store what comes of ``count`` files; those that do not decode are noted with the reason.

        Afterwards ``encoded`` holds the hashes of the images encoded, ``unreadable`` the files that could not be read,
        ``remarks`` what is wrong with others, and ``former`` the hashes of images by those that an earlier version knew
        them by.
        """
        done = 0
        with BackgroundWriter() as writer:
            for batch in batches:
                writer.submit(partial(self._write, batch.reads, batch.rows))
                done += len(batch.reads)
                progress("images", done, count)

    def _write(self, batch: Sequence[ReadFile], new: Iterable[tuple[str, Sequence[bytes], NDArray[Any]]]) -> None:
        """Store rows, then note the files: a file is never noted as an image before its rows are safe."""
        former = {read.former: read.sha256 for read in batch if read.sha256 and read.former}
        anew = {read.sha256 for read in batch if read.sha256 and read.anew}
        self._vectors.adopt({sha256: old for old, sha256 in former.items() if sha256 not in anew})
        self.former.update(former)
        for model, keys, rows in new:
            self._vectors.append(model, "image", keys, rows, anew=anew)
            self.encoded.update(keys)
        self.unreadable += [(read.file.key, read.unreadable) for read in batch if read.unreadable]
        self.remarks += [(read.file.key, read.facts.remark) for read in batch if read.facts and read.facts.remark]
        self._catalog.record(
            [read.facts for read in batch if read.facts],
            [_seen(read) for read in batch if not read.unreadable],
            former,
        )


def _seen(read: ReadFile) -> SeenFile:
    failure = read.failure
    return SeenFile(
        key=read.file.key,
        size=read.file.size,
        mtime_ns=read.file.mtime_ns,
        sha256=read.sha256,
        failure=failure.reason if failure else None,
        failure_kind=failure.kind if failure else None,
        decoder=failure.decoder if failure else None,
    )


def _gone(plan: Plan, seen: Collection[SeenFile], former: Collection[bytes]) -> tuple[list[AwayFolder], set[str]]:
    """Return the folders of which nothing is removed, and the keys of the files that are gone elsewhere."""
    if plan.allow_removal:
        return [], set(plan.gone)
    there = {file.key: file.sha256 for file in seen if file.key not in plan.gone}
    images_there = {sha256 for sha256 in there.values() if sha256}.union(former)
    left_out = {key for key in plan.gone if plan.source.passes_by(key, plan.options)}
    held = {key: sha256 for key, sha256 in plan.held.items() if key not in left_out}
    away = away_folders(plan.source, held, there, images_there, plan.min_present)
    places = [folder.place for folder in away]
    kept = {key for key in plan.gone - left_out if any(plan.source.is_below(key, place) for place in places)}
    return away, set(plan.gone - kept)


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
