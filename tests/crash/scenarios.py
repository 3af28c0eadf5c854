"""What is interrupted: how the data folder is before, what is done, and what must be true afterwards."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from toy_encoder import ToyEncoder
from toy_indexing import index_with
from toy_matcher import ToyMatcher

from indexer.collections import collection_dir, delete_collection, verify_collection
from indexer.errors import CollectionExistsError, CollectionNotFoundError, NoGenerationError
from indexer.generations import roll_back
from indexer.ingest.request import IndexRequest
from indexer.store.generation import open_current
from indexer.store.soundness import unsoundness
from indexer.transfer import export_collection, import_collection

NOW = datetime(2026, 11, 26, tzinfo=UTC)
OLD_RELEASE = Path(__file__).parents[1] / "upgrade" / "release-a8a1e45.tar.xz"
LEFTOVERS = (".staging-", ".deleted-", ".importing-", ".compacting", ".new")


@dataclass(frozen=True)
class Scenario:
    """One kind of change to a data folder.

    Attributes:
        name: of the scenario.
        prepare: makes the data folder as it is before, and what lies beside it; both are given.
        act: makes the change, given the same two folders; done again after an interruption, it must succeed.
    """

    name: str
    prepare: Callable[[Path, Path], None]
    act: Callable[[Path, Path], None]


def paint(photos: Path, *numbers: int) -> None:
    """Leave exactly these photographs, each of its own colour and with a caption beside it."""
    photos.mkdir(parents=True, exist_ok=True)
    for path in photos.iterdir():
        path.unlink()
    for number in numbers:
        Image.new("RGB", (12, 9), (40 * number, 255 - 40 * number, 90)).save(photos / f"{number}.png")
        (photos / f"{number}.txt").write_text(f"red number {number}\n")


def index(data: Path, beside: Path, **options: object) -> None:
    """Index the photographs that lie beside the data folder."""
    request = IndexRequest(data, "toy", (beside / "photos",), **options)
    index_with(request, [ToyEncoder()], [ToyMatcher()], now=lambda: NOW)


def state(data: Path) -> str | None:
    """Return all that a reader of the collection sees; None where there is nothing to read.

    Raises:
        AssertionError: what there is is not sound.
    """
    try:
        generation = open_current(collection_dir(data, "toy"))
    except (CollectionNotFoundError, NoGenerationError):
        return None
    with generation:
        assert unsoundness(generation) is None, unsoundness(generation)
        catalog = generation.catalog
        images, texts = (generation.vector_set("toy", side) for side in ("image", "text"))
        found = images.store.search(ToyEncoder().encode_texts(["red", "green"]), 3)
        features = generation.feature_arrays["toy-matcher"].matrix
        return repr(
            [
                catalog.roots(),
                catalog.images_at(range(catalog.image_count)),
                catalog.captions_at(range(catalog.caption_count)),
                [part.tobytes() for part in (images.matrix, texts.matrix, features, *found)],
            ]
        )


def leftovers(data: Path) -> list[str]:
    """Return what an interruption left behind."""
    names = [str(path.relative_to(data)) for path in data.rglob("*")]
    return [name for name in names if any(mark in name for mark in LEFTOVERS)]


def verify(data: Path) -> tuple[str, ...]:
    """Return the problems that ``semblance verify`` tells of."""
    return verify_collection(data, "toy").problems


def _nothing(data: Path, beside: Path) -> None:
    data.mkdir()
    paint(beside / "photos", 1, 2, 3, 4, 5)


def _two_generations(data: Path, beside: Path) -> None:
    paint(beside / "photos", 1, 2, 3, 4)
    index(data, beside)
    paint(beside / "photos", 1, 2, 3, 4, 5)
    index(data, beside)


def _changed_photographs(data: Path, beside: Path) -> None:
    _two_generations(data, beside)
    paint(beside / "photos", 2, 3, 4, 5, 6)


def _old_release(data: Path, beside: Path) -> None:
    beside.mkdir()
    with tarfile.open(OLD_RELEASE) as archive:
        archive.extractall(beside, filter="data")
    shutil.copytree(beside / "data", data)
    with closing(sqlite3.connect(data / "collections/toy/work/catalog.sqlite")) as catalog, catalog:
        for table in ("roots", "caption_files", "files"):
            for (path,) in catalog.execute(f"SELECT path FROM {table}").fetchall():
                moved = path.replace(b"/photographs/", os.fsencode(beside) + b"/")
                catalog.execute(f"UPDATE {table} SET path = ? WHERE path = ?", (moved, path))


def _again(data: Path, beside: Path) -> None:
    index_with(IndexRequest(data, "toy", (), add=True), [ToyEncoder()], [ToyMatcher()], now=lambda: NOW)


def _lost_work(data: Path, beside: Path) -> None:
    _changed_photographs(data, beside)
    shutil.rmtree(data / "collections" / "toy" / "work")


def _delete(data: Path, beside: Path) -> None:
    try:
        delete_collection(data, "toy")
    except CollectionNotFoundError:
        if (data / "collections").is_dir() and leftovers(data):  # as the next deletion of any collection does
            index(data, beside)
            delete_collection(data, "toy")


def _exported(data: Path, beside: Path) -> None:
    _two_generations(data, beside)
    export_collection(data, "toy", beside / "toy.tar")
    shutil.rmtree(data)
    data.mkdir()


def _import(data: Path, beside: Path) -> None:
    try:
        import_collection(data, beside / "toy.tar")
    except CollectionExistsError:  # it was whole before the interruption; what was left of it is swept by the next one
        if leftovers(data):
            import_collection(data, beside / "toy.tar", "other")
            delete_collection(data, "other")


def _roll_back(data: Path, beside: Path) -> None:
    roll_back(data, "toy", 1)


SCENARIOS = (
    Scenario("first build", _nothing, index),
    Scenario("update", _changed_photographs, index),
    Scenario("update without working state", _lost_work, index),
    Scenario("delete", _two_generations, _delete),
    Scenario("migration", _old_release, _again),
    Scenario("import", _exported, _import),
    Scenario("rollback", _two_generations, _roll_back),
)
