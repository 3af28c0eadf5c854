"""Opens catalogs: the working one for writing, brought up to date first, and a generation's snapshot for reading."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, ExceptionContext, MetaData, create_engine, event, select
from sqlalchemy.exc import DatabaseError

from indexer.catalog.schema_revision import NEWEST, migration_error, revision, upgrade
from indexer.errors import DamagedCatalogError, NewerCatalogError, StorageFullError
from models.errors import StorageError
from models.files import flush

_CONNECTIONS = 8
"""Of one open snapshot; a thread that finds them all lent waits for one, for well under a millisecond."""


def open_working(path: Path) -> Engine:
    """Open the indexer's catalog for writing, made or migrated to the newest schema, and checked.

    Raises:
        StorageError: the file is damaged, or of a newer Semblance.
    """
    engine = open_file(path)
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    try:
        if revision(engine) != NEWEST:  # else Alembic, which takes a while to import, has nothing to do
            migrate(engine)
        _refuse_damage(engine, path)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, DatabaseError):  # tables that are not those which the version promises
            raise DamagedCatalogError(path, str(error.orig)) from error
        if isinstance(error, migration_error()):
            raise NewerCatalogError(path) from error
        raise
    flush(path.parent)  # SQLite makes the content durable, not the file's name
    return engine


def open_file(path: Path) -> Engine:
    """Open an SQLite file, whose failures are told as what to do."""
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "handle_error", partial(_say_what_to_do, path))
    return engine


def open_snapshot(path: Path) -> Engine:
    """Open a generation's catalog: read-only and never locked, for its file does not change."""
    address = URL.create(
        "sqlite",
        database=f"file:{quote(str(path.resolve()))}",
        query={"mode": "ro", "immutable": "1", "uri": "true"},
    )
    # A thread borrows a connection for one query; there is never anything to roll back.
    engine = create_engine(
        address, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, pool_size=_CONNECTIONS, max_overflow=0
    )
    # All are opened now: later the file may be deleted under a reader that still holds this generation.
    with ExitStack() as opened:
        for _ in range(_CONNECTIONS):
            opened.enter_context(engine.connect()).exec_driver_sql("SELECT count(*) FROM sqlite_master")
    return engine


def migrate(engine: Engine) -> None:
    """Apply every migration that the catalog lacks, all in one transaction with the note of what was applied."""
    with engine.begin() as connection:
        _drop_half_made(connection)
        upgrade(connection)


def _refuse_damage(engine: Engine, path: Path) -> None:
    with engine.connect() as connection:
        if damage := found_damage(connection):
            raise DamagedCatalogError(path, damage)


def found_damage(connection: Connection) -> str | None:
    """Return the first thing that SQLite finds wrong with a catalog: its pages, its indexes, its references."""
    (told,) = connection.exec_driver_sql("PRAGMA integrity_check(1)").one()
    if told != "ok":
        return str(told).replace("\n", " ")
    if dangling := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        return f"a row of {dangling[0]} refers to one of {dangling[2]} that is not there"
    return None


def _drop_half_made(connection: Connection) -> None:
    """Drop the empty tables that a killed first run of an earlier version left, whose migrations were no transaction.

    Tables that hold something are let be: the migration that would make them fails.
    """
    found = MetaData()
    found.reflect(connection)
    is_marked = "alembic_version" in found.tables
    if is_marked and connection.execute(select(found.tables["alembic_version"])).first():
        return
    if not any(connection.execute(select(table).limit(1)).first() for table in found.sorted_tables):
        found.drop_all(connection)


def _say_what_to_do(path: Path, failure: ExceptionContext) -> None:
    """Turn SQLite's failures into errors that say what to do; what a statement did wrong is let through."""
    error = failure.original_exception
    if type(error) not in (sqlite3.DatabaseError, sqlite3.OperationalError):
        return
    code = getattr(error, "sqlite_errorcode", None)  # None where the driver could not decode what it was given
    kind = sqlite3.SQLITE_CORRUPT if code is None else code & 0xFF  # an extended code tells more in its higher bits
    if kind == sqlite3.SQLITE_FULL:
        raise StorageFullError(path.parent)
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        raise DamagedCatalogError(path, str(error))
    if kind != sqlite3.SQLITE_ERROR:
        raise StorageError(f"cannot use the catalog {path}: {error}")


def _prepare_connection(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin no transaction for DDL; ours begin in ``_begin``
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except UnicodeDecodeError as error:  # SQLite quotes what is damaged
        raise sqlite3.DatabaseError("its schema is damaged") from error
    connection.execute("PRAGMA synchronous=NORMAL")  # a power cut may lose the last commits, never the consistency
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN")
