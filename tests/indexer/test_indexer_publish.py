"""A generation is whole and on the disk before anything names it, and a failed publish leaves nothing behind."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from disk_observer import DiskObserver
from published_collection import publish_collection
from toy_encoder import ToyEncoder
from toy_matcher import toy_card

from indexer.catalog.base import ImageFacts, SeenFile
from indexer.catalog.sqlite_database import SqliteDatabase
from indexer.errors import UnsoundGenerationError
from indexer.layout import CollectionLayout, collection_layout
from indexer.publish import Content, publish, sweep
from indexer.store import index_kind
from indexer.store.faiss_flat import FlatKind
from indexer.store.faiss_ivf import IvfKind
from indexer.store.generation import open_current
from models.files import file_sha256, make_folder

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
IMAGES = 300


@pytest.fixture
def layout(tmp_path) -> CollectionLayout:
    return collection_layout(tmp_path, "toy")


@pytest.fixture
def content(tmp_path) -> Iterator[Content]:
    """300 images, no captions, one matcher's features."""
    catalog = SqliteDatabase(tmp_path / "catalog.sqlite").open_writer()
    keys = [sha256(b"%d" % number).digest() for number in range(IMAGES)]
    catalog.record(
        [ImageFacts(key, 640, 480, "JPEG", None, None) for key in keys],
        [SeenFile(f"/photos/{number:03}.jpg", 1, 1, key) for number, key in enumerate(keys)],
    )
    catalog.number_rows(lambda key: key.rpartition("/")[2])
    vectors = np.random.default_rng(1).standard_normal((IMAGES, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    features = np.random.default_rng(2).random((IMAGES, 4, 3), dtype=np.float32)

    arrays = {("toy", "image"): vectors, ("toy", "text"): vectors[:0], ("toy-matcher", "image"): features}

    def rows(name: str, side: str) -> Iterator[np.ndarray]:
        return iter(np.array_split(arrays[name, side], 7))

    yield Content(IMAGES, 0, "c" * 64, catalog.freeze, [ToyEncoder().card], rows, [toy_card()])
    catalog.close()


def files(layout: CollectionLayout, number: int) -> list[str]:
    return sorted(path.name for path in layout.generation(number).iterdir())


def test_everything_is_on_the_disk_before_it_is_named(layout, content, monkeypatch):
    monkeypatch.setattr(index_kind, "KINDS", {"ivf_sq8": IvfKind(above_rows=100), "flat": FlatKind()})
    make_folder(layout.generations)
    disk = DiskObserver(monkeypatch)
    images, texts = publish(layout, content, NOW).vector_sets
    assert (images.index_kind, images.index_file, texts.index_file) == ("ivf_sq8", "toy.image.faiss", None)
    assert images.index_parameters["lists"] == 64
    assert 0.98 <= images.recall_at_10 <= 1
    published = files(layout, 1)
    assert published == [
        "catalog.sqlite",
        "manifest.json",
        "toy-matcher.features.npy",
        "toy.image.faiss",
        "toy.image.vectors.npy",
        "toy.text.vectors.npy",
    ]
    first = len(published) + 1
    assert sorted(disk.steps[:first]) == [("fsync", name) for name in sorted([*published, ".staging-000001"])]
    assert disk.steps[first - 1 :] == [
        ("fsync", ".staging-000001"),
        ("rename", ".staging-000001", "000001"),
        ("fsync", "generations"),
        ("fsync", ".CURRENT.new"),
        ("rename", ".CURRENT.new", "CURRENT"),
        ("fsync", "toy"),
    ]
    disk.finish()


def test_the_manifest_lists_every_file_and_all_that_was_published(layout, content):
    manifest = publish(layout, content, NOW)
    stored = (layout.generation(1) / "manifest.json").read_bytes()
    assert json.loads(stored) == json.loads(manifest.model_dump_json())
    assert json.loads(layout.pointer.read_bytes()) == {
        "generation": 1,
        "manifest_sha256": sha256(stored).hexdigest(),
    }
    assert [file.name for file in manifest.files] == [name for name in files(layout, 1) if name != "manifest.json"]
    for file in manifest.files:
        path = layout.generation(1) / file.name
        assert (file.bytes, file.sha256) == (path.stat().st_size, file_sha256(path))
    assert json.loads(stored) == {
        "schema_version": 1,
        "collection": "toy",
        "generation": 1,
        "created_at": "2024-05-06T07:08:09Z",
        "content_sha256": "c" * 64,
        "images": IMAGES,
        "captions": 0,
        "vector_sets": [
            {
                "model": "toy",
                "weights_sha256": "0" * 64,
                "preprocessing_digest": ToyEncoder().card.preprocessing.digest,
                "side": side,
                "dimension": 4,
                "rows": rows,
                "metric": "inner_product",
                "index_kind": "flat",
                "index_parameters": {},
                "exact": True,
                "recall_at_10": 1.0,
                "index_file": None,
                "vectors_file": f"toy.{side}.vectors.npy",
            }
            for side, rows in (("image", IMAGES), ("text", 0))
        ],
        "feature_arrays": [
            {
                "matcher": "toy-matcher",
                "weights_sha256": "a" * 64,
                "preprocessing_digest": toy_card().preprocessing.digest,
                "shape": [4, 3],
                "dtype": "float16",
                "rows": IMAGES,
                "file": "toy-matcher.features.npy",
            }
        ],
        "files": json.loads(stored)["files"],
    }


def test_rows_come_out_as_they_went_in(layout, content):
    publish(layout, content, NOW)
    with open_current(layout.root) as generation:
        images = generation.vector_set("toy", "image")
        assert images.matrix.dtype == np.float32
        np.testing.assert_array_equal(
            images.vectors(range(IMAGES)), np.concatenate([*content.rows("toy", "image")]).astype(np.float32)
        )
        features = generation.feature_arrays["toy-matcher"]
        assert features.identity == toy_card().identity
        np.testing.assert_array_equal(
            features.features(range(IMAGES)), np.concatenate([*content.rows("toy-matcher", "image")]).astype(np.float16)
        )
        assert generation.created_at == NOW


def test_an_index_is_tuned_with_queries_of_both_sides(layout, tmp_path, monkeypatch):
    asked = {}

    class Asked(FlatKind):
        name, exact = "asked", False

        def build(self, vectors, *, seed):
            (store,) = super().build(vectors, seed=seed)
            search = store.search
            store.search = lambda queries, k: asked.update({len(vectors): queries}) or search(queries, k)
            yield store

    monkeypatch.setattr(index_kind, "KINDS", {"asked": Asked(), "flat": FlatKind()})
    encoder = ToyEncoder()
    paths = [Path("/a.jpg"), Path("/b.jpg"), Path("/c.jpg")]
    publish_collection(
        tmp_path, "both", paths, encoder.encode_texts(["red", "green", "blue"]), encoder, {paths[0]: ["cyan", "white"]}
    )
    own = {"image": encoder.encode_texts(["red", "green", "blue"]), "text": encoder.encode_texts(["white", "cyan"])}
    np.testing.assert_array_equal(asked[3], np.concatenate([own["image"], own["text"]]))
    np.testing.assert_array_equal(asked[2], np.concatenate([own["text"], own["image"]]))


def test_numbers_go_on_from_what_is_on_the_disk_finished_or_not(layout, content):
    assert publish(layout, content, NOW).generation == 1
    layout.generation(7).mkdir()
    assert publish(layout, content, NOW).generation == 8
    (layout.generations / ".staging-000011").mkdir()
    (layout.generations / "notes").mkdir()
    assert publish(layout, content, NOW).generation == 12
    layout.pointer.write_text(json.dumps({"generation": 20, "manifest_sha256": ""}))
    assert publish(layout, content, NOW).generation == 21
    layout.pointer.write_text("damaged")
    assert publish(layout, content, NOW).generation == 22


def test_the_current_generation_and_the_one_before_are_kept_and_what_is_not_ours_is_let_be(layout, content):
    for _ in range(3):
        publish(layout, content, NOW)
    (layout.generations / "notes").mkdir()
    (layout.generations / ".staging-000002").mkdir()
    (layout.generations / ".deleted-000001").mkdir()
    (layout.root / ".CURRENT.new").write_bytes(b"half")
    publish(layout, content, NOW)
    kept = {path.name for path in layout.generations.iterdir()}
    assert kept == {"000003", "000004", "notes", ".staging-000002", ".deleted-000001"}
    (layout.root / ".CURRENT.new").write_bytes(b"half")
    sweep(layout)
    assert {path.name for path in layout.root.iterdir()} == {"CURRENT", "generations"}
    assert {path.name for path in layout.generations.iterdir()} == {"000003", "000004", "notes"}


def test_the_failure_is_told_though_what_it_left_cannot_be_deleted(layout, content):
    def rows(name: str, side: str) -> Iterator[np.ndarray]:
        shutil.rmtree(layout.generations)
        yield np.zeros((1, 4), np.float32)
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        publish(layout, replace(content, rows=rows), NOW)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_publish_that_fails_leaves_the_last_generation_and_nothing_else(layout, content, error):
    publish(layout, content, NOW)

    def rows(name: str, side: str) -> Iterator[np.ndarray]:
        yield np.zeros((1, 4), np.float32)
        raise error

    with pytest.raises(type(error)):
        publish(layout, replace(content, rows=rows), NOW)
    assert [path.name for path in layout.generations.iterdir()] == ["000001"]
    with open_current(layout.root) as generation:
        assert generation.number == 1
    assert publish(layout, content, NOW).generation == 2


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM files WHERE path = X'2F'; UPDATE images SET id = 'x' WHERE row = 3", "a row of files refers to"),
        ("DELETE FROM files; DELETE FROM images WHERE row = 299", "holds 299 images and 0 captions"),
        ("UPDATE images SET row = 500 WHERE row = 3", "rows of its images are not numbered"),
    ],
)
def test_what_is_damaged_before_it_is_hashed_is_not_published(layout, content, damage, told):
    publish(layout, content, NOW)

    def snapshot(path: str) -> None:
        content.snapshot(path)
        with closing(sqlite3.connect(path)) as catalog:
            catalog.executescript(damage)

    with pytest.raises(UnsoundGenerationError, match=f"{told}.*was not published: delete .*/toy/work and run the same"):
        publish(layout, replace(content, snapshot=snapshot), NOW)
    assert [path.name for path in layout.generations.iterdir()] == ["000001"]
    assert publish(layout, content, NOW).generation == 2


def test_vectors_that_do_not_find_themselves_are_not_published(layout, content, monkeypatch):
    class Lost(FlatKind):
        """Finds nothing once it has been saved."""

        def open(self, saved, vectors):
            return super().open(saved, np.zeros_like(vectors))

    monkeypatch.setattr(index_kind, "KINDS", {"flat": Lost()})
    with pytest.raises(UnsoundGenerationError, match="does not find its own first vector"):
        publish(layout, content, NOW)
