"""Reads a frozen state of the catalog from its schema.

What searches wait for is one statement that gives one row of JSON, executed by the driver itself. A server that went
away and came back is asked once more, so that a search survives its restart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    String,
    any_,
    bindparam,
    func,
    inspect,
    null,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from indexer.catalog import postgres_schemas as schemas
from indexer.catalog.base import ImageRecord
from indexer.catalog.postgres_session import away
from indexer.catalog.sql_reader import FIELDS, SqlReader, image_record
from indexer.catalog.sqlite_writer import SqliteWriter
from indexer.catalog.tables import images, metadata
from indexer.errors import CatalogAwayError, CatalogGoneError

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


def _asked_again(
    look_up: Callable[Concatenate[Any, _Given], _Answer],
) -> Callable[Concatenate[Any, _Given], _Answer]:
    """Make a look-up that is tried once more over new connections where the server had gone away."""

    @wraps(look_up)
    def call(self: Any, /, *given: _Given.args, **named: _Given.kwargs) -> _Answer:
        try:
            if not self.holds:  # the server was away when it was to be held again
                self.hold()
            return look_up(self, *given, **named)
        except CatalogAwayError:
            self.begin_anew()
            return look_up(self, *given, **named)

    return call


class PostgresReader(SqlReader):
    """The ``CatalogReader`` of a schema that never changes, and stays until the reader is closed.

    Args:
        engine: the process's connections.
        schema: of the frozen state.

    Raises:
        CatalogGoneError: there is no such schema.
        CatalogAwayError: the server does not answer.
    """

    def __init__(self, engine: Engine, schema: str) -> None:
        self._shared, self._schema = engine, schema
        self._held_by: Connection | None = None
        self._holding = Lock()
        self.hold()
        try:
            super().__init__(engine.execution_options(schema_translate_map={None: schema}), schema)
            self._statements = {key: _images_by(key, self._held, schema) for key in ("row", "id")}
        except BaseException:
            self.close()
            raise

    @property
    def holds(self) -> bool:
        """Whether the schema is kept from being dropped, as far as is known."""
        return self._held_by is not None

    def hold(self) -> None:
        """Keep the schema from being dropped; also after the server went away, which frees what was held."""
        with self._holding:
            self._let_go()
            self._held_by = self._pinning()

    def begin_anew(self) -> None:
        """Give up every connection that waits for use, from before the server's restart, and hold the schema again."""
        self._shared.dispose()
        self.hold()

    def check(self) -> None:
        """See ``CatalogReader``."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")

    def write_file(self, path: Path) -> None:
        """Write the state as SQLite would have frozen it, to a file that does not exist yet."""
        with (
            TemporaryDirectory(dir=path.parent) as folder,
            closing(SqliteWriter(Path(folder) / "catalog.sqlite")) as file,
        ):
            # Rows are fetched in parts within a transaction.
            with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                file.fill(connection, self._schema)
            file.freeze(str(path))

    def close(self) -> None:
        """See ``CatalogReader``."""
        with self._holding:
            self._let_go()

    def _pinning(self) -> Connection:
        """Return a connection that holds the schema."""
        connection = self._shared.connect()
        try:
            found = schemas.pin(connection, self._schema)
        except BaseException:
            _end(connection)
            raise
        if not found:
            _end(connection)
            raise CatalogGoneError(f"there is no schema {self._schema}")
        return connection

    def _let_go(self) -> None:
        connection, self._held_by = self._held_by, None
        if connection is not None:
            _end(connection)

    def _images(self, key: str, values: Sequence[int | str]) -> list[ImageRecord]:
        connection = self._shared.raw_connection()
        try:
            found = connection.cursor().execute(self._statements[key], {"values": values}).fetchone()[0]
        except psycopg.OperationalError as error:
            connection.invalidate()
            raise away(error) from error
        except psycopg.errors.UndefinedTable as error:
            raise CatalogGoneError(str(error).splitlines()[0]) from error
        finally:
            connection.close()
        return [image_record(columns) for columns in found or ()]

    def _found_damage(self, connection: Connection) -> str | None:
        """Look for references that lead nowhere: frozen tables have no keys that would refuse them."""
        there_are = inspect(connection).get_table_names(self._schema)
        for table in metadata.sorted_tables:
            for key in table.foreign_keys if table.name in there_are else ():
                leads = select(key.column).where(key.column == key.parent).exists()
                if connection.execute(select(key.parent).where(key.parent.is_not(None), ~leads).limit(1)).first():
                    return f"a row of {table.name} refers to one of {key.column.table.name} that is not there"
        return None

    images_at = _asked_again(SqlReader.images_at)
    captions_at = _asked_again(SqlReader.captions_at)
    has_caption_with = _asked_again(SqlReader.has_caption_with)
    images_with_ids = _asked_again(SqlReader.images_with_ids)
    image = _asked_again(SqlReader.image)
    browse = _asked_again(SqlReader.browse)
    original_keys = _asked_again(SqlReader.original_keys)
    roots = _asked_again(SqlReader.roots)
    row_keys = _asked_again(SqlReader.row_keys)


def _end(connection: Connection) -> None:
    """End a session, and with it its locks; one that is broken takes no statement."""
    connection.invalidate()
    connection.close()


def _images_by(key: str, held: frozenset[str], schema: str) -> str:
    """Return the statement for the images whose key is in the array ``values``.

    Args:
        key: the column looked in.
        held: the columns that the table has: one frozen by an earlier version lacks those that came later, which read
            as NULL.
        schema: of the table.
    """
    facts = [_as_json(images.c[name]) if name in held else null() for name in FIELDS]
    given = bindparam("values", type_=ARRAY(BigInteger if key == "row" else String))
    statement = select(func.json_agg(func.json_build_array(*facts))).where(images.c[key] == any_(given))
    compiled = statement.compile(
        dialect=PGDialect_psycopg(),  # type: ignore[no-untyped-call]
        schema_translate_map={None: schema},
        render_schema_translate=True,
    )
    return str(compiled)


def _as_json(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column if isinstance(column.type, JSON) else type_coerce(column, String)
