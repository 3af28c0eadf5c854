"""Opens catalogs: the working one for writing, brought up to date first, and a generation's snapshot for reading."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError

from indexer.errors import StorageFullError
from models.errors import StorageError

_CONNECTIONS = 8
"""Of one open snapshot; a thread that finds them all lent waits for one, for well under a millisecond."""

NEWEST = "0002"
"""The revision of the newest schema."""

_MIGRATIONS = Path(__file__).with_name("migrations")


def open_working(path: Path) -> Engine:
    """Open the indexer's catalog for writing, made or migrated to the newest schema.

    Raises:
        StorageError: the file is no catalog, or of a newer Semblance.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "handle_error", partial(_say_what_to_do, path.parent))
    try:
        if not _is_newest(engine):
            migrate(engine)
    except (DatabaseError, _migration_error()) as error:
        engine.dispose()
        raise StorageError(
            f"{path} is damaged or of a newer version: delete it, and the next semblance index reads all files again"
        ) from error
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


def _is_newest(engine: Engine) -> bool:
    """Tell whether the schema is the newest: Alembic, which takes a while to import, has nothing to do then."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [NEWEST]


def migrate(engine: Engine) -> None:
    """Apply every migration that the catalog lacks."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _migration_error() -> type[Exception]:
    from alembic.util import CommandError

    return CommandError


def _say_what_to_do(folder: Path, failure: ExceptionContext) -> None:
    """Turn SQLite's failures to write into errors that say what to do."""
    reason = str(failure.original_exception)
    if "disk is full" in reason:
        raise StorageFullError(folder)
    if isinstance(failure.original_exception, sqlite3.OperationalError):
        raise StorageError(f"cannot write the catalog in {folder}: {reason}")


def _prepare_connection(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")  # a power cut may lose the last commits, never the consistency
    connection.execute("PRAGMA foreign_keys=ON")
