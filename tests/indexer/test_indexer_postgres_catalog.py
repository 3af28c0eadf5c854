"""What PostgreSQL adds to a catalog: a lock and pins across machines, a server that goes away, moving in and out."""

import shutil
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect
from test_indexer_catalog import base_name, digest, facts, identity

from indexer.catalog.base import SeenFile
from indexer.catalog.opening import check_url
from indexer.catalog.postgres_database import PostgresDatabase
from indexer.catalog.schema_revision import NEWEST, downgrade, revision, upgrade
from indexer.catalog.session import open_snapshot
from indexer.catalog.sqlite_database import SqliteDatabase
from indexer.catalog.tables import metadata
from indexer.errors import CatalogAwayError, CatalogGoneError, CatalogUrlError, CollectionBusyError, StorageError
from indexer.identity import CATALOG_IDENTITY

SECONDS = 5.0


@pytest.fixture
def database(postgres, tmp_path) -> PostgresDatabase:
    return PostgresDatabase(postgres.url, SECONDS, tmp_path)


@pytest.fixture
def sql(postgres):
    """Ask the server itself."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:

        def ask(statement: str) -> list[tuple]:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

        yield ask


def fill(writer) -> None:
    """Images a (two files) and b; b has captions; an image c of an earlier id is gone."""
    seen = {"/1.jpg": "a", "/2.jpg": "b", "/3.jpg": "a", "/4.jpg": "c"}
    writer.set_sources(["/"], ["/captions.csv"])
    writer.record([facts(name) for name in "abc"], [SeenFile(key, 5, 6, digest(name)) for key, name in seen.items()])
    writer.record([], [SeenFile("/bad.jpg", 1, 2, None, "cut off", "damaged", "7")], {digest("old"): digest("a")})
    writer.set_captions({identity("b"): ["two", "zwei"]})
    writer.forget(["/4.jpg"])


def frozen(database, writer, folder: Path) -> str:
    """Freeze the working state as that of a generation."""
    folder.mkdir()
    writer.number_rows(base_name)
    locator = folder / writer.frozen_name
    writer.freeze(str(locator))
    return str(locator)


def content(database, locator: str) -> tuple:
    with closing(database.open_reader(locator)) as reader:
        records = reader.images_at(range(reader.image_count))
        keys = [reader.original_keys(record.id) for record in records]
        return records, keys, reader.captions_at(range(reader.caption_count)), reader.roots(), reader.damage()


def schemas_of(sql, folder: Path) -> list[str]:
    start = f"semblance_{(folder / CATALOG_IDENTITY).read_text()}_"
    return [name for (name,) in sql("SELECT nspname FROM pg_namespace ORDER BY 1") if name.startswith(start)]


def test_one_indexer_at_a_time_holds_a_collection_on_whatever_machine(database, postgres, tmp_path):
    with database.lock():
        other = tmp_path / "as another machine sees it"
        other.mkdir()
        shutil.copy(tmp_path / CATALOG_IDENTITY, other)
        with pytest.raises(CollectionBusyError), PostgresDatabase(postgres.url, SECONDS, other).lock():
            pass
        with PostgresDatabase(postgres.url, SECONDS, make(tmp_path / "apart")).lock():
            pass  # of another collection
    with database.lock():
        pass


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_an_indexer_that_lost_the_lock_writes_nothing_more(database, postgres, tmp_path, sql):
    with database.lock(), closing(database.open_writer()) as writer:
        fill(writer)
        sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'")
        with pytest.raises(CatalogAwayError):
            writer.forget(["/1.jpg"])
        other = PostgresDatabase(postgres.url, SECONDS, tmp_path)
        with other.lock():
            with pytest.raises(CollectionBusyError):
                writer.forget(["/1.jpg"])
            with closing(other.open_writer()) as heir:
                assert sorted(heir.seen_files()) == ["/1.jpg", "/2.jpg", "/3.jpg", "/bad.jpg"]


def test_a_generation_that_is_read_stays_until_its_last_reader_has_gone(database, tmp_path, sql):
    with database.lock(), closing(database.open_writer()) as writer:
        fill(writer)
        old, new = (frozen(database, writer, tmp_path / number) for number in ("000001", "000002"))
        reader = database.open_reader(old)
        database.keep_only([new])
        assert [name.split("_")[2] for name in schemas_of(sql, tmp_path)] == ["000001", "000002", "working"]
        assert [record.name for record in reader.images_at([1, 0])] == ["2.jpg", "1.jpg"]
        reader.close()
        database.keep_only([new])
        assert [name.split("_")[2] for name in schemas_of(sql, tmp_path)] == ["000002", "working"]
        with pytest.raises(CatalogGoneError, match="not in the database"):
            database.open_reader(old)
        (tmp_path / "000002" / "catalog.json").write_text("{}")
        database.keep_only([new])  # which states are in use is not known
        assert len(schemas_of(sql, tmp_path)) == 2
    database.drop()
    assert schemas_of(sql, tmp_path) == []


def test_a_reader_whose_state_was_dropped_all_the_same_says_so(database, tmp_path, sql):
    with database.lock(), closing(database.open_writer()) as writer:
        fill(writer)
        reader = database.open_reader(frozen(database, writer, tmp_path / "000001"))
    sql(f"DROP SCHEMA {schemas_of(sql, tmp_path)[0]} CASCADE")
    for look_up in (lambda: reader.images_at([0]), lambda: reader.original_keys("x"), lambda: reader.captions_at([0])):
        with pytest.raises(CatalogGoneError):
            look_up()
    reader.close()


def test_readers_outlive_a_server_that_is_killed_and_started_again(database, postgres, tmp_path):
    with database.lock(), closing(database.open_writer()) as writer:
        fill(writer)
        locator = frozen(database, writer, tmp_path / "000001")
        before = content(database, locator)
        reader = database.open_reader(locator)
        for _ in range(2):
            postgres.kill()
            try:
                with pytest.raises(CatalogAwayError, match="does not answer"):
                    reader.images_at([0])
                with pytest.raises(CatalogAwayError):
                    reader.check()
                with pytest.raises(CatalogAwayError):
                    writer.forget(["/1.jpg"])
            finally:
                postgres.start()
            assert reader.images_at(range(2)) == before[0]
            assert reader.captions_at([0, 1]) == before[2]
            reader.check()
            database.keep_only([])  # the pin was taken anew
            assert reader.original_keys(identity("a")) == ["/1.jpg", "/3.jpg"]
        reader.close()
        assert sorted(writer.seen_files()) == ["/1.jpg", "/2.jpg", "/3.jpg", "/bad.jpg"]


def test_a_state_moves_from_sqlite_to_postgresql_and_back_as_it_is(database, postgres, tmp_path):
    sqlite = SqliteDatabase(tmp_path / "work" / "catalog.sqlite")
    with closing(sqlite.open_writer()) as writer:
        fill(writer)
        locator = frozen(sqlite, writer, tmp_path / "000001")
        fingerprint, seen, told = writer.fingerprint(["m"]), writer.seen_files(), writer.revisions()
    before = content(sqlite, locator)
    assert not database.has_working()
    assert database.adopt(locator)
    assert database.has_working()
    with database.lock(), closing(database.open_writer()) as writer:
        assert (writer.fingerprint(["m"]), writer.seen_files(), writer.revisions()) == (fingerprint, seen, told)
        moved = frozen(database, writer, tmp_path / "000002")
        assert writer.departed(3, keep=3) == {digest("c")}
    assert content(database, moved) == before
    with closing(database.open_reader(moved)) as reader:
        reader.write_file(tmp_path / "back.sqlite")
    assert content(sqlite, str(tmp_path / "back.sqlite")) == before
    other = PostgresDatabase(postgres.url, SECONDS, make(tmp_path / "other"))
    assert other.adopt(moved)
    with closing(other.open_writer()) as writer:
        assert (writer.fingerprint(["m"]), writer.seen_files()) == (fingerprint, seen)


def test_a_state_of_an_earlier_revision_is_read_adopted_and_brought_up_to_date(database, tmp_path, sql):
    with database.lock(), closing(database.open_writer()) as writer:
        fill(writer)
        locator = frozen(database, writer, tmp_path / "000001")
    old = schemas_of(sql, tmp_path)[0]
    with closing(create_engine_for(database)) as engine, engine.begin() as connection:
        connection.exec_driver_sql(f"SET search_path TO {old}")
        downgrade(connection, "0001")
    records = content(database, locator)[0]
    assert [(record.name, record.path, record.iso, record.tags) for record in records] == [
        (name, name, None, ()) for name in ("1.jpg", "2.jpg")
    ]
    other = PostgresDatabase(database._url, SECONDS, make(tmp_path / "other"))
    assert other.adopt(locator)
    with closing(other.open_writer()) as writer:
        assert len(writer.seen_files()) == 4
    sql(f"UPDATE {old}.alembic_version SET version_num = '9999'")
    assert not PostgresDatabase(database._url, SECONDS, make(tmp_path / "third")).adopt(locator)


class Disposed:
    """An engine that ``closing`` can close."""

    def __init__(self, engine) -> None:
        self.begin, self.connect, self.close = engine.begin, engine.connect, engine.dispose
        self.engine = engine


def create_engine_for(database) -> Disposed:
    return Disposed(create_engine(database._url.replace("postgresql:", "postgresql+psycopg:")))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_migrations_go_up_and_down_on_both_databases(kind, request, tmp_path):
    if kind == "sqlite":
        opened = Disposed(create_engine(f"sqlite:///{tmp_path / 'catalog.sqlite'}"))
    else:
        opened = create_engine_for(PostgresDatabase(request.getfixturevalue("postgres").url, SECONDS, tmp_path))
    with closing(opened), opened.connect() as connection:
        if kind == "postgresql":
            connection.exec_driver_sql("CREATE SCHEMA up_and_down")
            connection.exec_driver_sql("SET search_path TO up_and_down")
        for _ in range(2):
            upgrade(connection, "0001")
            connection.exec_driver_sql("INSERT INTO files (path, size, mtime_ns) VALUES ('x', 1, 2)")
            upgrade(connection)
            assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == NEWEST
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
            downgrade(connection, "0001")
            assert connection.exec_driver_sql("SELECT size FROM files").scalar() == 1
            assert {column["name"] for column in inspect(connection).get_columns("files")} == {
                "path", "size", "mtime_ns", "image_id", "failure",
            }  # fmt: skip
            downgrade(connection, "base")
            assert inspect(connection).get_table_names() == ["alembic_version"]
        connection.rollback()


def test_a_working_state_of_a_newer_version_is_refused(database, tmp_path, sql):
    database.open_writer().close()
    (working,) = schemas_of(sql, tmp_path)
    sql(f"UPDATE {working}.alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match="newer version"):
        database.open_writer()


@pytest.mark.parametrize("url", ["mysql://x:secret@y/z", "secret", "postgresql:/secret", "postgresql+nothing://secret"])
def test_a_url_that_is_none_is_refused_without_telling_it(monkeypatch, url):
    monkeypatch.setenv("SEMBLANCE_CATALOG_URL", url)
    with pytest.raises(CatalogUrlError, match="must be as postgresql://") as refused:
        check_url()
    assert "secret" not in str(refused.value)


def test_a_server_that_is_not_there_is_told_as_such(tmp_path):
    nowhere = PostgresDatabase("postgresql://me:secret@127.0.0.1:9/none", 2.0, tmp_path)
    with pytest.raises(CatalogAwayError, match=r"does not answer \(.*refused") as away, nowhere.lock():
        pass
    assert "secret" not in str(away.value)


def test_the_frozen_file_has_the_revision_of_its_tables(database, tmp_path):
    with database.lock(), closing(database.open_writer()) as writer:
        fill(writer)
        locator = frozen(database, writer, tmp_path / "000001")
    with closing(database.open_reader(locator)) as reader:
        reader.write_file(tmp_path / "file.sqlite")
    engine = open_snapshot(tmp_path / "file.sqlite")
    assert revision(engine) == NEWEST
    engine.dispose()
