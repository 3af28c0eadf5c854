"""Connects to PostgreSQL: many short look-ups of readers, and the one session of an indexer, which is its lock as well.

Both say what failed as what to do. Advisory locks belong to a session: the server frees them when it ends, however.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache, partial
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from indexer.errors import CatalogAwayError, CatalogGoneError, CatalogUrlError, CollectionBusyError
from models.errors import StorageError

_KEPT_CONNECTIONS = 8
"""Of all readers of a process; more are opened where more threads look things up at once, and closed again."""

_A_DAY_S = 86_400
"""How long a thread of the indexer waits for the session; another of its threads has it, and none keeps it for ever."""


@cache
def reading_engine(url: str, timeout_s: float) -> Engine:
    """Return the process's one pool of connections for look-ups, each of which is a transaction by itself.

    Args:
        url: of the database.
        timeout_s: how long connecting, and each statement, may take.
    """
    engine = create_engine(
        postgres_url(url),
        isolation_level="AUTOCOMMIT",
        pool_size=_KEPT_CONNECTIONS,
        max_overflow=-1,
        pool_use_lifo=True,
        pool_reset_on_return=None,
        connect_args=_arguments(timeout_s, statements=True),
    )
    event.listen(engine, "handle_error", _say_what_to_do)
    return engine


def writing_engine(url: str, timeout_s: float, schema: str, collection: str) -> Engine:
    """Return the session of an indexer, whose connection holds the lock of the working schema as long as it lasts.

    There is one connection: where it breaks, the lock is lost with it, and what comes next takes both anew or fails.
    So nobody writes who lost the lock to somebody else.

    Args:
        url: of the database.
        timeout_s: how long connecting may take; a statement takes what it takes.
        schema: that the session works in, which need not exist yet.
        collection: its name, for messages.
    """
    engine = create_engine(
        postgres_url(url),
        pool_size=1,
        max_overflow=0,
        pool_timeout=_A_DAY_S,
        connect_args=_arguments(timeout_s, statements=False),
    )
    event.listen(engine, "connect", partial(_begin_session, schema, collection))
    event.listen(engine, "handle_error", _say_what_to_do)
    return engine


def postgres_url(url: str) -> URL:
    """Return the URL of a database for SQLAlchemy.

    Raises:
        CatalogUrlError: it is none of PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise CatalogUrlError from None
    if parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise CatalogUrlError
    return parsed.set(drivername="postgresql+psycopg")


def lock_key(name: str) -> int:
    """Return the number of the advisory lock of a schema."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def away(error: BaseException) -> CatalogAwayError:
    """Return the error that says that the server does not answer, or not in time."""
    return CatalogAwayError(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)


def _arguments(timeout_s: float, *, statements: bool) -> dict[str, Any]:
    """Return libpq's parameters: times are UTC; a machine that is gone is noticed; what takes too long is given up."""
    options = ["-c timezone=UTC", *([f"-c statement_timeout={round(timeout_s * 1000)}"] if statements else [])]
    return {
        "connect_timeout": max(2, math.ceil(timeout_s)),  # libpq takes no less
        "tcp_user_timeout": round(timeout_s * 1000),
        "keepalives_idle": 30,
        "options": " ".join(options),
        "application_name": "semblance",
    }


def _begin_session(schema: str, collection: str, connection: psycopg.Connection[Any], _record: object) -> None:
    try:
        taken = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock_key(schema),)).fetchone()
        connection.execute(f"SET search_path TO {schema}".encode())
        connection.commit()
    except BaseException:
        connection.close()
        raise
    if taken != (True,):
        connection.close()
        raise CollectionBusyError(collection)


def _say_what_to_do(failure: ExceptionContext) -> None:
    """Turn the server's failures into errors that say what to do; what a statement did wrong is let through."""
    error = failure.original_exception
    if isinstance(error, errors.DiskFull):
        raise StorageError("the disk of the catalog's server is full: free some space and run the same command again")
    if isinstance(error, errors.UndefinedTable | errors.InvalidSchemaName):
        raise CatalogGoneError(str(error).splitlines()[0])
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or failure.is_disconnect:
        raise away(error)
