"""The catalog keeps what is known of rows, and migrations make the tables that the code declares."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from indexer.catalog.repository import CatalogReader
from indexer.catalog.session import open_snapshot, open_working
from indexer.catalog.tables import metadata, roots
from indexer.catalog.working import ImageFacts, SeenFile, WorkingCatalog, content_id
from models.errors import StorageError

TAKEN = datetime.fromisoformat("2020-01-02T03:04:05")


def digest(name: str) -> bytes:
    return sha256(name.encode()).digest()


def facts(name: str) -> ImageFacts:
    return ImageFacts(digest(name), 640, 480, "JPEG", TAKEN, "Maker One")


@pytest.fixture
def working(tmp_path: Path):
    catalog = WorkingCatalog(tmp_path / "work" / "catalog.sqlite")
    yield catalog
    catalog.close()


@pytest.fixture
def reader(working: WorkingCatalog, tmp_path: Path):
    """Images a (two files), b and c in that order of rows; b has captions, one of which c has too."""
    working.set_sources(["/photos"], [])
    seen = {"/photos/1.jpg": "a", "/photos/2.jpg": "b", "/photos/3.jpg": "c", "/photos/copy.jpg": "a"}
    working.record([facts(name) for name in "abc"], [SeenFile(path, 5, 6, digest(name)) for path, name in seen.items()])
    working.set_captions({content_id(digest("b")): ["two", "zwei"], content_id(digest("c")): ["three", "two"]})
    working.number_rows()
    working.snapshot(tmp_path / "snapshot.sqlite")
    catalog = CatalogReader(tmp_path / "snapshot.sqlite")
    yield catalog
    catalog.close()


def test_migrations_make_the_tables_that_the_code_declares(tmp_path):
    engine = open_working(tmp_path / "catalog.sqlite")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_opening_twice_keeps_the_content(tmp_path):
    for _ in range(2):
        catalog = WorkingCatalog(tmp_path / "catalog.sqlite")
        catalog.record([facts("a")], [SeenFile("/a", 1, 2, digest("a"))])
        catalog.close()
    catalog = WorkingCatalog(tmp_path / "catalog.sqlite")
    assert catalog.seen_files() == {"/a": SeenFile("/a", 1, 2, digest("a"))}
    catalog.close()


def test_a_file_that_is_no_catalog_is_refused_with_advice(tmp_path):
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(StorageError, match="delete it"):
        open_working(tmp_path / "catalog.sqlite")


def test_images_come_in_the_order_of_the_rows_asked(reader):
    records = reader.images_at([2, 0, 2])
    assert [record.id for record in records] == [content_id(digest(name)) for name in "cac"]
    assert [record.row for record in records] == [2, 0, 2]
    first = records[1]
    assert (first.width, first.height, first.format) == (640, 480, "JPEG")
    assert (first.taken_at, first.camera, first.name) == (TAKEN, "Maker One", "1.jpg")
    assert [record.captions for record in records] == [("three", "two"), (), ("three", "two")]


def test_images_of_all_rows_are_one_statement(reader):
    statements = []
    event.listen(reader._engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    reader.images_at([0, 1, 2])
    assert len(statements) == 1


def test_images_come_in_the_order_of_the_ids_asked_by_one_statement(reader):
    statements = []
    event.listen(reader._engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    asked = [content_id(digest(name)) for name in "cac"]
    assert reader.images_with_ids(asked) == reader.images_at([2, 0, 2])
    assert len(statements) == 2  # one each
    assert reader.images_with_ids([]) == []


def test_an_id_that_is_not_there_is_an_error(reader):
    with pytest.raises(KeyError):
        reader.images_with_ids([content_id(digest("a")), "0" * 32])


def test_a_caption_of_several_images_is_one_row(reader):
    assert (reader.image_count, reader.caption_count) == (3, 3)
    by_text = {record.text: record for record in reader.captions_at([2, 1, 0])}
    assert set(by_text) == {"two", "zwei", "three"}
    assert set(by_text["two"].image_ids) == {content_id(digest("b")), content_id(digest("c"))}
    assert by_text["zwei"].image_ids == (content_id(digest("b")),)


def test_an_image_is_found_by_id_with_all_its_paths(reader):
    identity = content_id(digest("a"))
    assert reader.image(identity) == reader.images_at([0])[0]
    assert reader.original_paths(identity) == [Path("/photos/1.jpg"), Path("/photos/copy.jpg")]
    assert reader.roots() == [Path("/photos")]
    assert reader.image("0" * 32) is None
    assert reader.original_paths("0" * 32) == []


def test_a_row_that_is_not_there_is_an_error(reader):
    with pytest.raises(KeyError):
        reader.images_at([0, 3])


def test_many_threads_read_at_once(reader):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: reader.images_at([i % 3, 0])[0].row, range(300)))
    assert answers == [i % 3 for i in range(300)]


def test_a_snapshot_cannot_be_written(reader, tmp_path):
    engine = open_snapshot(tmp_path / "snapshot.sqlite")
    with engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(roots.delete())
    engine.dispose()


def test_file_names_in_no_encoding_are_kept_as_they_are(working, tmp_path):
    path = os.fsdecode(b"/photos/caf\xe9.jpg")
    working.record([facts("a")], [SeenFile(path, 1, 2, digest("a"))])
    assert list(working.seen_files()) == [path]
    working.number_rows()
    working.snapshot(tmp_path / "snapshot.sqlite")
    reader = CatalogReader(tmp_path / "snapshot.sqlite")
    assert reader.images_at([0])[0].name == "caf?.jpg"
    assert os.fsencode(reader.original_paths(content_id(digest("a")))[0]) == b"/photos/caf\xe9.jpg"
    reader.close()


def test_forgetting_the_last_file_of_an_image_forgets_the_image(working):
    working.record([facts("a")], [SeenFile("/1", 1, 2, digest("a")), SeenFile("/2", 1, 2, digest("a"))])
    working.set_captions({content_id(digest("a")): ["x"]})
    assert working.forget(["/1"]) == 0
    assert working.forget(["/2", "/never"]) == 1
    assert working.number_rows()[0] == []


def test_the_fingerprint_tells_every_visible_change(working):
    seen_prints = set()

    def changed() -> bool:
        fingerprint = working.fingerprint(["model"])
        new = fingerprint not in seen_prints
        seen_prints.add(fingerprint)
        return new

    working.record([facts("a"), facts("b")], [SeenFile("/1", 1, 2, digest("a"))])
    assert changed()
    working.record([], [SeenFile("/1", 1, 999, digest("a"))])
    assert not changed()  # touched, but the same content
    working.record([], [SeenFile("/2", 1, 2, digest("b"))])
    assert changed()
    working.set_captions({content_id(digest("a")): ["x"]})
    assert changed()
    working.set_sources(["/"], [])
    assert changed()
    working.number_rows()
    assert not changed()
    assert working.fingerprint(["other model"]) not in seen_prints
