"""Reads a frozen state of the catalog from its SQLite file.

Statements that searches wait for give one row of JSON, and are executed by the driver itself: it lets go of Python's
global lock and waits for it again at every row.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, String, bindparam, func, null, select, type_coerce
from sqlalchemy.dialects import sqlite

from indexer.catalog.base import ImageRecord
from indexer.catalog.session import found_damage, open_snapshot
from indexer.catalog.sql_reader import FIELDS, SqlReader, image_record
from indexer.catalog.tables import images


class SqliteReader(SqlReader):
    """The ``CatalogReader`` of a file that never changes."""

    def __init__(self, path: Path) -> None:
        super().__init__(open_snapshot(path))
        self._statements = {key: _images_by(key, self._held) for key in ("row", "id")}

    def check(self) -> None:
        """See ``CatalogReader``: a file that is open answers."""

    def _images(self, key: str, values: Sequence[int | str]) -> list[ImageRecord]:
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(self._statements[key], (json.dumps(values),))
            ((found,),) = cursor.fetchall()
        finally:
            connection.close()
        return [image_record(columns) for columns in json.loads(found)]

    def _found_damage(self, connection: Connection) -> str | None:
        return found_damage(connection)

    _unreadable = (sqlite3.DatabaseError,)


@cache
def _images_by(key: str, held: frozenset[str]) -> str:
    """Return the statement for the images whose key is one of the values of a JSON array.

    Args:
        key: the column looked in.
        held: the columns that the table has: one frozen by an earlier version lacks those that came later, which read
            as NULL.
    """
    given = func.json_each(bindparam("keys")).table_valued("value")
    facts = [_as_json(images.c[name]) if name in held else null() for name in FIELDS]
    statement = select(func.json_group_array(func.json_array(*facts))).where(images.c[key].in_(select(given.c.value)))
    return str(statement.compile(dialect=sqlite.dialect()))


def _as_json(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.json(column) if isinstance(column.type, JSON) else type_coerce(column, String)
