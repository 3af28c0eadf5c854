"""Exports a collection to a file and imports it from one; a kill leaves neither half a file nor half a collection."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from indexer.archive import ArchiveReader, write_archive
from indexer.collections import collection_dir, locked
from indexer.errors import (
    ArchiveError,
    CollectionBusyError,
    CollectionExistsError,
    DamagedGenerationError,
    ExportFileError,
)
from indexer.layout import CollectionLayout, collection_layout, collections_folder
from indexer.publish import point_at
from indexer.store.durable import clear_storage_errors
from indexer.store.generation import open_current
from indexer.store.manifest import MANIFEST_NAME, Manifest
from indexer.store.soundness import unsoundness
from models.files import flush, make_folder

_IMPORTING_PREFIX = ".importing-"


def export_collection(data_dir: Path, name: str, file: Path) -> Manifest:
    """Write a collection's current generation to a file, which is there as a whole or not at all.

    Raises:
        CollectionNotFoundError: there is none of that name.
        NoGenerationError: nothing has been published.
        DamagedGenerationError: it is damaged.
        ExportFileError: the file exists already, or its folder does not.
        StorageError: the file cannot be written.
    """
    layout = CollectionLayout(collection_dir(data_dir, name))
    with clear_storage_errors(file.parent):
        if file.exists():
            raise ExportFileError(f"{file} exists already: name another file, or delete it")
        if not file.parent.is_dir():
            raise ExportFileError(f"the folder {file.parent} does not exist: make it, or name another file")
        temporary = file.with_name(f".{file.name}.new")
        try:
            with temporary.open("wb") as target:
                manifest = write_archive(layout, target)
            flush(temporary)
            temporary.rename(file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        flush(file.parent)
    return manifest


def import_collection(data_dir: Path, file: Path, name: str | None = None) -> Manifest:
    """Make a collection of what was exported; it appears in one step, once every byte and row has been checked.

    Args:
        data_dir: where collections are kept.
        file: that ``export_collection`` wrote.
        name: of the new collection; by default that of the exported one.

    Raises:
        ArchiveError: the file is no archive, or damaged.
        CollectionExistsError: there is a collection of that name.
        CollectionNameError: the name cannot be one.
        StorageError: the disk is full, or cannot be read or written.
    """
    with clear_storage_errors(data_dir), file.open("rb") as source:
        archive = ArchiveReader(source)
        target = collection_layout(data_dir, name or archive.manifest.collection)
        if target.root.exists():
            raise CollectionExistsError(target.name)
        make_folder(collections_folder(data_dir))
        _sweep(collections_folder(data_dir))
        staging = CollectionLayout(target.root.with_name(f"{_IMPORTING_PREFIX}{target.name}-{time.time_ns()}"))
        staging.root.mkdir()
        try:
            with locked(staging):
                manifest = archive.manifest.model_copy(update={"collection": target.name})
                _unpack(archive, manifest, staging)
                _move(staging, target)
        except BaseException:
            shutil.rmtree(staging.root, ignore_errors=True)  # on a full disk it would be in the way
            raise
    return manifest


def _unpack(archive: ArchiveReader, manifest: Manifest, layout: CollectionLayout) -> None:
    """Write a collection of the archive's generation, and look through it as readers will."""
    folder = layout.generation(manifest.generation)
    manifest_bytes = manifest.model_dump_json(indent=1).encode()
    folder.mkdir(parents=True)
    archive.extract(folder, flush)
    (folder / MANIFEST_NAME).write_bytes(manifest_bytes)
    for path in (folder / MANIFEST_NAME, folder, layout.generations):
        flush(path)
    point_at(layout, manifest.generation, manifest_bytes)
    try:
        with open_current(layout.root) as generation:
            reason = unsoundness(generation)
    except DamagedGenerationError as error:
        reason = f"{error.path.name} {error.reason}"
    if reason:
        raise ArchiveError(reason)


def _move(staging: CollectionLayout, target: CollectionLayout) -> None:
    try:
        staging.root.rename(target.root)
    except OSError:
        if target.root.exists():  # made meanwhile
            raise CollectionExistsError(target.name) from None
        raise
    flush(target.root.parent)


def _sweep(collections: Path) -> None:
    """Delete what killed imports left; one that is at work holds its lock."""
    for leftover in collections.glob(f"{_IMPORTING_PREFIX}*"):
        with suppress(CollectionBusyError), locked(CollectionLayout(leftover)):
            shutil.rmtree(leftover)
