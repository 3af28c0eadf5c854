"""What is SQLite's own of the catalog: schema, migrations, statements, and files that nobody can write."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, func, insert, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError, OperationalError

from indexer.catalog import schema_revision
from indexer.catalog.base import ImageFacts, SeenFile, content_id
from indexer.catalog.browsing import page
from indexer.catalog.opening import catalog_database
from indexer.catalog.session import open_snapshot, open_working
from indexer.catalog.sqlite_database import SqliteDatabase
from indexer.catalog.sqlite_reader import SqliteReader
from indexer.catalog.tables import images, metadata, roots
from indexer.errors import DamagedCatalogError, StorageFullError
from indexer.layout import CollectionLayout
from models.errors import StorageError

FIRST_COLUMNS = {
    "id", "sha256", "row", "name", "captions", "width", "height", "format", "taken_at", "camera"
}  # fmt: skip
HASHES = [bytes([number]) * 32 for number in range(3)]


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """Three images in a frozen state."""
    writer = SqliteDatabase(tmp_path / "work" / "catalog.sqlite").open_writer()
    writer.record(
        [ImageFacts(key, 4, 3, "PNG", None, None) for key in HASHES],
        [SeenFile(f"/{key[0]}.png", 1, 2, key) for key in HASHES],
    )
    writer.set_captions({content_id(HASHES[0]): ["one", "two"]})
    writer.number_rows(str)
    writer.freeze(str(tmp_path / "snapshot.sqlite"))
    writer.close()
    return tmp_path / "snapshot.sqlite"


def test_migrations_make_the_tables_that_the_code_declares(tmp_path):
    engine = open_working(tmp_path / "catalog.sqlite")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_collection_s_catalog_is_a_file_of_its_working_folder(tmp_path):
    layout = CollectionLayout(tmp_path / "toy")
    catalog_database(layout).open_writer().close()
    assert [path.name for path in layout.work.iterdir()] == ["catalog.sqlite"]


def test_a_file_that_is_no_catalog_is_refused_with_advice(tmp_path):
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(StorageError, match="delete it and run the same command again"):
        SqliteDatabase(tmp_path / "catalog.sqlite").open_writer()


def test_a_catalog_of_a_newer_version_is_refused_with_advice(tmp_path):
    engine = open_working(tmp_path / "catalog.sqlite")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(StorageError, match="newer version of Semblance: use that version, or delete the file"):
        open_working(tmp_path / "catalog.sqlite")


@pytest.mark.parametrize(
    "look_up",
    [
        lambda reader: reader.images_at([0, 1, 2]),
        lambda reader: reader.images_with_ids([content_id(key) for key in HASHES]),
        lambda reader: reader.captions_at([0, 1]),
    ],
)
def test_many_records_are_one_statement(snapshot, look_up):
    reader, statements = SqliteReader(snapshot), []
    event.listen(reader._engine, "checkout", lambda raw, *_rest: raw.set_trace_callback(statements.append))
    look_up(reader)
    assert len(statements) == 1
    reader.close()


@pytest.mark.parametrize("order", ["taken", "added", "name"])
def test_a_page_is_read_off_an_index_and_no_image_is_sorted(snapshot, order):
    engine = open_snapshot(snapshot)
    plans = []
    with engine.connect() as connection:
        for first in (True, False):
            statement = page(order, images.columns.keys(), first=first).compile(dialect=sqlite.dialect())
            explained = text(f"EXPLAIN QUERY PLAN {statement}".replace("?", "0"))
            plans.append([line.detail for line in connection.execute(explained)])
    assert all(any(f"INDEX images_by_{order}" in step for step in plan) for plan in plans)
    assert any(step.startswith("SEARCH images USING") and f"images_by_{order}" in step for step in plans[1])
    assert not any("TEMP B-TREE" in step for plan in plans for step in plan)
    engine.dispose()


def test_a_frozen_state_is_one_file(snapshot):
    assert [path.name for path in snapshot.parent.glob("snapshot*")] == ["snapshot.sqlite"]


def test_a_state_that_an_earlier_version_froze_is_read(snapshot):
    engine = create_engine(f"sqlite:///{snapshot}")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX images_by_added")
        later = [column.name for column in images.columns if column.name not in FIRST_COLUMNS]
        for name in later:
            connection.exec_driver_sql(f"ALTER TABLE images DROP COLUMN {name}")
    engine.dispose()
    reader = SqliteReader(snapshot)
    record = reader.images_at([0])[0]
    assert (record.captions, record.path, record.tags) == (("one", "two"), "0.png", ())
    assert {getattr(record, name) for name in ("added_at", "modified_at", "lens", "orientation", "title")} == {None}
    assert reader.image(content_id(HASHES[0])) == record
    assert [one.row for one in reader.browse("added", None, 9)] == [0, 1, 2]
    assert [one.row for one in reader.browse("added", 0, 9)] == [1, 2]
    reader.close()


def test_a_frozen_state_cannot_be_written(snapshot):
    engine = open_snapshot(snapshot)
    with engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(roots.delete())
    engine.dispose()


def test_a_reader_goes_on_when_its_file_has_been_deleted(snapshot):
    reader = SqliteReader(snapshot)
    snapshot.unlink()
    together, answers = threading.Barrier(8, timeout=30), []

    def look_up() -> None:
        with reader._engine.connect() as connection:
            together.wait()  # each thread holds a connection of its own
            answers.append(connection.scalar(select(func.count()).select_from(images)))

    threads = [threading.Thread(target=look_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [3] * 8
    assert [record.name for record in reader.images_at([2, 0])] == ["2.png", "0.png"]
    reader.close()


def test_a_file_of_an_image_that_is_not_known_is_refused(tmp_path):
    writer = SqliteDatabase(tmp_path / "catalog.sqlite").open_writer()
    with pytest.raises(IntegrityError):
        writer.record([], [SeenFile("/1.png", 1, 2, HASHES[1])])
    assert writer.seen_files() == {}
    writer.close()


def test_a_full_disk_is_told_as_such(tmp_path):
    engine = open_working(tmp_path / "catalog.sqlite")
    with engine.connect() as connection, pytest.raises(StorageFullError, match="free some space"):
        connection.exec_driver_sql("PRAGMA max_page_count=1")  # SQLite rounds it up to the pages there are
        connection.execute(insert(roots), [{"position": n, "path": "x" * 4000} for n in range(9)])
    engine.dispose()


def test_the_newest_schema_is_the_one_that_the_last_migration_makes():
    folder = Path(schema_revision.__file__).with_name("migrations")
    config = Config()
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_current_head() == schema_revision.NEWEST


def half_made(path: Path, *statements: str) -> Path:
    """Leave what a kill left of the first run of a version whose driver committed each statement by itself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
            "CREATE TABLE roots (position INTEGER NOT NULL PRIMARY KEY, path BLOB NOT NULL)",
            "CREATE TABLE images (id VARCHAR(32) NOT NULL PRIMARY KEY)",
            "CREATE TABLE files (path BLOB NOT NULL PRIMARY KEY, image_id VARCHAR(32) REFERENCES images (id))",
            "CREATE INDEX files_image_id ON files (image_id)",
            *statements,
        ):
            connection.execute(statement)
    return path


def test_a_catalog_that_a_kill_left_half_made_is_made_whole(tmp_path):
    path = half_made(tmp_path / "catalog.sqlite")
    writer = SqliteDatabase(path).open_writer()
    writer.set_sources(["/photos"], [])
    assert writer.sources() == (["/photos"], [])
    writer.close()


def test_a_catalog_without_a_version_that_holds_something_is_not_thrown_away(tmp_path):
    path = half_made(tmp_path / "catalog.sqlite", "INSERT INTO roots VALUES (0, X'2F')")
    with pytest.raises(DamagedCatalogError, match="table roots already exists"):
        SqliteDatabase(path).open_writer()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT path FROM roots").fetchall() == [(b"/",)]


def test_a_migration_that_fails_half_way_has_changed_nothing(tmp_path):
    engine = open_working(tmp_path / "catalog.sqlite")
    with engine.begin() as connection:  # back to the schema before, but for one table of the next one
        connection.exec_driver_sql("DROP TABLE former_ids")
        connection.exec_driver_sql("DROP TABLE listing_options")
        for column in [column.name for column in images.columns if column.name not in FIRST_COLUMNS]:
            connection.exec_driver_sql(f"ALTER TABLE images DROP COLUMN {column}")
        connection.exec_driver_sql("ALTER TABLE files DROP COLUMN failure_kind")
        connection.exec_driver_sql("ALTER TABLE files DROP COLUMN decoder")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        before = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    with pytest.raises(DamagedCatalogError, match="table departed already exists"):
        open_working(tmp_path / "catalog.sqlite")
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == before
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
        connection.execute("DROP TABLE departed")
    open_working(tmp_path / "catalog.sqlite").dispose()


def test_damage_in_the_working_catalog_is_found_when_it_is_opened(tmp_path):
    writer = SqliteDatabase(tmp_path / "catalog.sqlite").open_writer()
    writer.record([], [SeenFile(f"/{number}.png", 1, 2, None, "x" * 100) for number in range(1000)])
    writer.close()
    content = bytearray((tmp_path / "catalog.sqlite").read_bytes())
    content[20 * 4096 : 20 * 4096 + 8] = b"\xff" * 8  # the header of a page of files
    (tmp_path / "catalog.sqlite").write_bytes(content)
    with pytest.raises(DamagedCatalogError, match="delete it and run the same command again"):
        SqliteDatabase(tmp_path / "catalog.sqlite").open_writer()


def test_a_frozen_state_becomes_the_working_one_and_what_was_left_of_a_deleted_one_does_not_mix_in(tmp_path, snapshot):
    database = SqliteDatabase(tmp_path / "work" / "catalog.sqlite")
    writer = database.open_writer()
    writer.record([], [SeenFile("/late.png", 1, 2, None, "bad")])  # in the log beside the file, not yet in it
    kept = {path.name: path.read_bytes() for path in (tmp_path / "work").iterdir()}
    writer.close()
    assert {"catalog.sqlite-wal", "catalog.sqlite-shm"} <= kept.keys()
    for name, content in kept.items():
        (tmp_path / "work" / name).write_bytes(content)
    (tmp_path / "work" / "catalog.sqlite").unlink()
    assert not database.has_working()
    assert database.adopt(str(snapshot))
    assert database.has_working()
    writer = database.open_writer()
    assert sorted(writer.seen_files()) == ["/0.png", "/1.png", "/2.png"]
    writer.close()


def test_a_frozen_state_of_a_newer_version_is_not_taken_over(tmp_path, snapshot):
    with closing(sqlite3.connect(snapshot)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    database = SqliteDatabase(tmp_path / "other" / "catalog.sqlite")
    assert not database.adopt(str(snapshot))
    assert not database.has_working()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE images SET row = 7 WHERE row = 2", "rows of its images are not numbered"),
        ("UPDATE captions SET text = 'other' WHERE row = 0", "has another text"),
        ("UPDATE images SET taken_at = 'last summer' WHERE row = 1", "cannot be read: Invalid isoformat"),
        ("UPDATE files SET image_id = 'none'", "a row of files refers to one of images"),
        ("UPDATE images SET name = CAST(X'FF' AS TEXT) WHERE row = 1", "cannot be read"),
        ("DELETE FROM image_captions", "cannot be read: 0"),
    ],
)
def test_what_is_wrong_with_a_frozen_state_is_told(snapshot, statement, told):
    reader = SqliteReader(snapshot)
    assert reader.damage() is None
    reader.close()
    with closing(sqlite3.connect(snapshot)) as connection, connection:
        connection.execute(statement)
    reader = SqliteReader(snapshot)
    assert told in reader.damage()
    reader.close()
