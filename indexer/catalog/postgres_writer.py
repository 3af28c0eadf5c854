"""Changes the working state of the catalog in its schema, and freezes it into schemas of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from indexer.catalog import postgres_schemas as schemas
from indexer.catalog.base import POSTGRES_NAME
from indexer.catalog.sql_writer import SqlWriter
from indexer.catalog.tables import files, images
from models.errors import StorageError


class PostgresWriter(SqlWriter):
    """The ``CatalogWriter`` of a schema that exists and has the present tables.

    Args:
        engine: the session that holds the collection's lock, and works in the schema.
        identity: of the collection.
        done: called when the writer is closed.
    """

    frozen_name = POSTGRES_NAME

    def __init__(self, engine: Engine, identity: str, done: Callable[[], None]) -> None:
        super().__init__(engine, insert)
        self._identity, self._done = identity, done

    def freeze(self, locator: str) -> None:
        """See ``CatalogWriter``; the locator is the path of a file that does not exist yet, in a folder that does."""
        frozen = schemas.new_frozen_schema(self._identity, locator)
        schemas.freeze(self._engine, schemas.working_schema(self._identity), frozen)
        write_locator(Path(locator), frozen)

    def close(self) -> None:
        """See ``CatalogWriter``."""
        self._done()

    def _first_files(self) -> Select[Any]:
        first = (
            select(images.c.id, images.c.sha256, files.c.path.label("key"), files.c.mtime_ns)
            .join_from(files, images)
            .ext(distinct_on(images.c.id))
            .order_by(images.c.id, files.c.path)
            .subquery()
        )
        return select(first).order_by(first.c.key)

    def _damaged(self, reason: str) -> StorageError:
        return StorageError(f"the working catalog in PostgreSQL is damaged: {reason}")


def write_locator(path: Path, schema: str) -> None:
    """Write the file that says where a frozen state is."""
    path.write_text(json.dumps({"database": "postgresql", "schema": schema}, indent=1))


def read_locator(path: Path) -> str:
    """Return the schema that a locator names.

    Raises:
        ValueError: it names none.
    """
    found = json.loads(path.read_text())
    schema = found.get("schema") if isinstance(found, dict) else None
    if not isinstance(schema, str) or not schema.isidentifier() or not schema.startswith("semblance_"):
        raise ValueError(f"{path.name} names no schema")
    return schema
