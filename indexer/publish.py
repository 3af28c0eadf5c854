"""Publishes a generation: written to a staging folder and flushed, renamed to its number, then one pointer swapped.

A kill at any point leaves the last generation current. Numbers come from what is on disk, so that whatever a kill
left behind can never stand in the way of a later publish.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.base import SQLITE_NAME
from indexer.errors import DamagedGenerationError, NoGenerationError, UnsoundGenerationError
from indexer.layout import CollectionLayout, file_stem
from indexer.store import index_kind
from indexer.store.arrays import load_matrix
from indexer.store.durable import replace_durably, unfinished
from indexer.store.generation import open_unpublished
from indexer.store.manifest import (
    MANIFEST_NAME,
    FeatureArrayEntry,
    FileEntry,
    Manifest,
    Pointer,
    VectorSetEntry,
    read_pointer,
)
from indexer.store.soundness import unsoundness
from indexer.tune import choose_index, sample_queries
from models.cards import EncoderCard, MatcherCard
from models.files import file_sha256, flush, make_folder
from models.types import Side

_STAGING_PREFIX = ".staging-"
_DELETED_PREFIX = ".deleted-"


@dataclass(frozen=True)
class Content:
    """What a generation is to hold.

    Attributes:
        images: number of images, rows of every model's image side.
        captions: number of distinct captions, rows of every model's text side.
        sha256: digest of everything that a reader could tell apart.
        snapshot: freezes the catalog under a locator (see ``CatalogWriter.freeze``).
        cards: the models, the collection's own choice first.
        rows: yields the vectors of one model and side, or the features of one matcher (whose side is the image), in
            row order, in pieces ``(n, …)``.
        matchers: those whose features it holds.
        catalog_name: of the file that is the snapshot's locator.
    """

    images: int
    captions: int
    sha256: str
    snapshot: Callable[[str], None]
    cards: Sequence[EncoderCard]
    rows: Callable[[str, Side], Iterable[NDArray[Any]]]
    matchers: Sequence[MatcherCard] = ()
    catalog_name: str = SQLITE_NAME


def publish(layout: CollectionLayout, content: Content, created_at: datetime, *, keep: int = 2) -> Manifest:
    """Write a generation, check it, make it current, and delete all but it and those before.

    Args:
        layout: of the collection.
        content: what to write.
        created_at: tells the time that the generation bears.
        keep: how many generations stay, the new one among them; at least 1.

    Raises:
        UnsoundGenerationError: what was to be published is damaged; the current generation stays.
    """
    previous = current_number(layout)
    make_folder(layout.generations)
    number = _largest_number(layout, previous) + 1
    staging = layout.generations / f"{_STAGING_PREFIX}{number:06d}"
    staging.mkdir()
    try:
        manifest_bytes = _write(staging, layout.name, number, content, created_at)
        manifest = Manifest.model_validate_json(manifest_bytes)
        _check(staging, manifest, layout)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)  # on a full disk it would be in the way
        raise
    staging.rename(layout.generation(number))
    flush(layout.generations)
    point_at(layout, number, manifest_bytes)
    _delete_older(layout, number, previous, keep)
    return manifest


def point_at(layout: CollectionLayout, number: int, manifest_bytes: bytes) -> None:
    """Make a generation, all of which is on the disk, the current one."""
    pointer = Pointer(generation=number, manifest_sha256=hashlib.sha256(manifest_bytes).hexdigest())
    replace_durably(layout.pointer, pointer.model_dump_json().encode())


def sweep(layout: CollectionLayout) -> None:
    """Delete what a killed publish left half-written or half-deleted."""
    for prefix in (_STAGING_PREFIX, _DELETED_PREFIX):
        for leftover in layout.generations.glob(f"{prefix}*"):
            shutil.rmtree(leftover)
    unfinished(layout.pointer).unlink(missing_ok=True)


def _write(staging: Path, collection: str, number: int, content: Content, created_at: datetime) -> bytes:
    """Write every file of the generation, the manifest last, and flush them; return the manifest's bytes."""
    content.snapshot(str(staging / content.catalog_name))
    entries = [entry for card in content.cards for entry in _write_sets(staging, card, content)]
    arrays = [_write_features(staging, card, content) for card in content.matchers]
    files = sorted(staging.iterdir())
    manifest = Manifest(
        collection=collection,
        generation=number,
        created_at=created_at,
        content_sha256=content.sha256,
        images=content.images,
        captions=content.captions,
        vector_sets=tuple(entries),
        feature_arrays=tuple(arrays),
        files=tuple(FileEntry(name=f.name, bytes=f.stat().st_size, sha256=file_sha256(f)) for f in files),
    )
    manifest_bytes = manifest.model_dump_json(indent=1).encode()
    (staging / MANIFEST_NAME).write_bytes(manifest_bytes)
    for path in [*files, staging / MANIFEST_NAME, staging]:
        flush(path)
    return manifest_bytes


def _write_sets(staging: Path, card: EncoderCard, content: Content) -> list[VectorSetEntry]:
    """Write both sides of one model; each is tuned with queries from both."""
    stem = file_stem(card.name)
    sides: tuple[tuple[Side, int], ...] = (("image", content.images), ("text", content.captions))
    matrices = {
        side: _write_matrix(
            staging / f"{stem}.{side}.vectors.npy", (rows, card.dimension), "<f4", content.rows(card.name, side)
        )
        for side, rows in sides
    }
    entries = []
    for side, own in matrices.items():
        other = matrices["text" if side == "image" else "image"]
        chosen = choose_index(own, sample_queries(own, other), index_kind.kinds_at(staging / f"{stem}.{side}"))
        saved = chosen.kind.save(chosen.store, staging / f"{stem}.{side}")
        entries.append(
            VectorSetEntry(
                model=card.name,
                weights_sha256=card.weights_sha256,
                preprocessing_digest=card.identity_of(side).preprocessing_digest,
                side=side,
                dimension=card.dimension,
                rows=len(own),
                index_kind=chosen.kind.name,
                index_parameters=dict(saved.parameters),
                exact=chosen.kind.exact,
                recall_at_10=chosen.recall_at_10,
                index_file=saved.file.name if saved.file else None,
                vectors_file=f"{stem}.{side}.vectors.npy",
            )
        )
    return entries


def _write_features(staging: Path, card: MatcherCard, content: Content) -> FeatureArrayEntry:
    file = f"{file_stem(card.name)}.features.npy"
    _write_matrix(staging / file, (content.images, *card.feature_shape), "<f2", content.rows(card.name, "image"))
    return FeatureArrayEntry(
        matcher=card.name,
        weights_sha256=card.identity.weights_sha256,
        preprocessing_digest=card.identity.preprocessing_digest,
        shape=card.feature_shape,
        rows=content.images,
        file=file,
    )


def _write_matrix(path: Path, shape: tuple[int, ...], dtype: str, chunks: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Write an array piece by piece (a full disk is then an error, not a signal) and map it to be read."""
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(np.ascontiguousarray(chunk, dtype=dtype).data)
    return load_matrix(path)


def current_number(layout: CollectionLayout) -> int | None:
    """Return the current number; a damaged pointer is as good as none."""
    try:
        return read_pointer(layout).generation
    except (NoGenerationError, DamagedGenerationError):
        return None


def generation_numbers(layout: CollectionLayout) -> list[int]:
    """Return the numbers of the generations on disk, the newest first."""
    if not layout.generations.is_dir():
        return []
    return sorted((int(path.name) for path in layout.generations.iterdir() if path.name.isdecimal()), reverse=True)


def _largest_number(layout: CollectionLayout, current: int | None) -> int:
    """Return the largest number that any folder bears, finished or not."""
    names = (path.name.removeprefix(_STAGING_PREFIX) for path in layout.generations.iterdir())
    return max([current or 0, *(int(name) for name in names if name.isdecimal())])


def _delete_older(layout: CollectionLayout, current: int, previous: int | None, keep: int) -> None:
    """Delete all but the current generation, the one before, and the newest of the others, ``keep`` in all."""
    older = [number for number in generation_numbers(layout) if number != current]
    older.sort(key=lambda number: number != previous)  # a rollback may have made it older than others
    for number in older[keep - 1 :]:
        going = layout.generation(number).rename(layout.generations / f"{_DELETED_PREFIX}{number:06d}")
        shutil.rmtree(going)  # out of sight first: what is half gone is no generation


def _check(staging: Path, manifest: Manifest, layout: CollectionLayout) -> None:
    """Open what was written as readers will, and ask it."""
    try:
        with open_unpublished(staging, manifest, layout) as generation:
            reason = unsoundness(generation)
    except DamagedGenerationError as error:
        reason = f"{error.path.name} {error.reason}"
    if reason:
        raise UnsoundGenerationError(layout.name, reason, layout.work)
