"""What collections there are, whether one is sound, and deleting one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from indexer.catalog.base import CatalogDatabase
from indexer.catalog.opening import catalog_database, drop_elsewhere, open_frozen
from indexer.catalog.opening import check_reach as catalog_reach
from indexer.errors import (
    AccessDeniedError,
    CollectionBusyError,
    CollectionNotFoundError,
    DamagedGenerationError,
    NoGenerationError,
)
from indexer.layout import CollectionLayout, collection_layout, collections_folder
from indexer.store.durable import clear_storage_errors
from indexer.store.generation import open_current
from indexer.store.manifest import Manifest, damaged_files, read_manifest, read_pointer
from indexer.store.soundness import unsoundness
from indexer.store.vector_engine import check_reach as vectors_reach
from indexer.store.vector_engine import drop_vectors
from models.files import flush

_DELETED_PREFIX = ".deleted-"


@dataclass(frozen=True)
class CollectionSummary:
    """One collection at a glance.

    Attributes:
        name: of the collection.
        generation: the current one, or None where nothing sound has been published (``problem`` says why).
        images: number of images.
        captions: number of distinct captions.
        models: that encoded it, its own choice first.
        matchers: whose features it holds.
        bytes: on disk, work files and older generations included.
        created_at: when the current generation was published, UTC.
        problem: why there is no generation to show, or None.
    """

    name: str
    generation: int | None
    images: int
    captions: int
    models: tuple[str, ...]
    matchers: tuple[str, ...]
    bytes: int
    created_at: datetime | None
    problem: str | None = None


@dataclass(frozen=True)
class VerifyReport:
    """What checking a collection's current generation found; sound where ``problems`` is empty."""

    name: str
    generation: int
    files: int
    bytes: int
    images: int
    captions: int
    problems: tuple[str, ...]


def collection_dir(data_dir: Path, name: str) -> Path:
    """Return an existing collection's folder.

    Raises:
        CollectionNotFoundError: there is none of that name; the message lists those there are.
        CollectionNameError: the name cannot be one.
        AccessDeniedError: this user may not look.
    """
    layout = collection_layout(data_dir, name)
    with clear_storage_errors(layout.root):
        exists = layout.root.is_dir()
    if not exists:
        raise CollectionNotFoundError(name, [found.name for found in _layouts(data_dir)])
    return layout.root


def collection_names(data_dir: Path) -> list[str]:
    """Return the names of all collections, sorted; nothing of them is read."""
    return [layout.name for layout in _layouts(data_dir)]


def list_collections(data_dir: Path) -> list[CollectionSummary]:
    """Return every collection, by name, from manifests alone (files are not hashed)."""
    return [_summary(layout) for layout in _layouts(data_dir)]


def collection_contents(data_dir: Path, name: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the models and the matchers of a collection; None where nothing sound has been published."""
    layout = collection_layout(data_dir, name)
    try:
        manifest = read_manifest(layout, read_pointer(layout))
    except (NoGenerationError, DamagedGenerationError):
        return None
    return _models(manifest), _matchers(manifest)


def collection_roots(data_dir: Path, name: str) -> list[str]:
    """Return the places that a collection's current generation was made of; none where there is no sound one."""
    try:
        layout = CollectionLayout(collection_dir(data_dir, name))
        pointer = read_pointer(layout)
        manifest, folder = read_manifest(layout, pointer), layout.generation(pointer.generation)
    except (CollectionNotFoundError, NoGenerationError, DamagedGenerationError):
        return []
    others = {entry.name for entry in manifest.files} - {
        manifest.catalog_name
    }  # gigabytes, which need not be hashed for this
    if any(damaged_files(folder, manifest, others)):
        return []
    catalog = open_frozen(layout, folder / manifest.catalog_name)
    try:
        return catalog.roots()
    finally:
        catalog.close()


def verify_collection(data_dir: Path, name: str) -> VerifyReport:
    """Check every hash and count of a collection's current generation.

    Raises:
        CollectionNotFoundError: there is none of that name.
        NoGenerationError: nothing has been published.
        DamagedGenerationError: the pointer or the manifest itself is damaged.
        AccessDeniedError: this user may not read a file.
    """
    layout = CollectionLayout(collection_dir(data_dir, name))
    pointer = read_pointer(layout)
    manifest = read_manifest(layout, pointer)
    return VerifyReport(
        name=name,
        generation=manifest.generation,
        files=len(manifest.files),
        bytes=sum(entry.bytes for entry in manifest.files),
        images=manifest.images,
        captions=manifest.captions,
        problems=tuple(_problems(layout, manifest)),
    )


def delete_collection(data_dir: Path, name: str) -> None:
    """Delete a collection and everything in its folder; the photographs stay where they are.

    Raises:
        CollectionNotFoundError: there is none of that name.
        CollectionBusyError: it is being indexed.
        AccessDeniedError: this user may not delete it.
    """
    layout = CollectionLayout(collection_dir(data_dir, name))
    with clear_storage_errors(layout.root), locked(layout) as database:
        for check in (catalog_reach, vectors_reach):
            check(layout)
        # Out of sight in one step, so that nobody opens what is half gone; a killed deletion is finished by the next.
        gone = layout.root.rename(layout.root.with_name(f"{_DELETED_PREFIX}{name}-{time.time_ns()}"))
        flush(layout.root.parent)  # what is emptied must not come back under its name
        database.drop()
        drop_vectors(CollectionLayout(gone))
        for leftover in layout.root.parent.glob(f"{_DELETED_PREFIX}*"):
            if leftover != gone:
                drop_elsewhere(CollectionLayout(leftover))  # first: the folder knows what is its own
                drop_vectors(CollectionLayout(leftover))
            shutil.rmtree(leftover)


@contextmanager
def locked(layout: CollectionLayout) -> Iterator[CatalogDatabase]:
    """Hold the collection's lock, which is free again when the process ends in whatever way; give its catalog.

    Raises:
        CollectionBusyError: another process holds it.
    """
    lock = FileLock(layout.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise CollectionBusyError(layout.name) from None
    try:
        database = catalog_database(layout)
        with database.lock():
            yield database
    finally:
        lock.release()


def _layouts(data_dir: Path) -> list[CollectionLayout]:
    folder = collections_folder(data_dir)
    with clear_storage_errors(folder):
        if not folder.is_dir():
            return []
        return [CollectionLayout(path) for path in sorted(folder.iterdir()) if path.name[0] != "." and path.is_dir()]


def _summary(layout: CollectionLayout) -> CollectionSummary:
    size = _bytes_below(layout.root)
    try:
        manifest = read_manifest(layout, read_pointer(layout))
    except (NoGenerationError, DamagedGenerationError, AccessDeniedError) as error:
        return CollectionSummary(layout.name, None, 0, 0, (), (), size, None, str(error))
    return CollectionSummary(
        name=layout.name,
        generation=manifest.generation,
        images=manifest.images,
        captions=manifest.captions,
        models=_models(manifest),
        matchers=_matchers(manifest),
        bytes=size,
        created_at=manifest.created_at,
    )


def _models(manifest: Manifest) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.model for entry in manifest.vector_sets))


def _matchers(manifest: Manifest) -> tuple[str, ...]:
    return tuple(entry.matcher for entry in manifest.feature_arrays)


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # an indexer may be at work
            total += path.lstat().st_size
    return total


def _problems(layout: CollectionLayout, manifest: Manifest) -> list[str]:
    """Open the generation as the service would, look up every row, and name all that is wrong."""
    try:
        with open_current(layout.root) as generation:
            reason = unsoundness(generation)
            return [reason] if reason else []
    except DamagedGenerationError as error:
        damaged = list(damaged_files(layout.generation(manifest.generation), manifest)) or [error]
        return [f"{damage.path.name} {damage.reason}" for damage in damaged]
