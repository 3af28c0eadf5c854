"""Changes the working state of the catalog in its SQLite file, and writes frozen states to files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, func, select, text
from sqlalchemy.dialects.sqlite import insert

from indexer.catalog.base import SQLITE_NAME
from indexer.catalog.browsing import indexes
from indexer.catalog.copying import copy_state
from indexer.catalog.session import open_working
from indexer.catalog.sql_writer import SqlWriter
from indexer.catalog.tables import files, images
from indexer.errors import DamagedCatalogError
from models.errors import StorageError
from models.files import make_folder


class SqliteWriter(SqlWriter):
    """The ``CatalogWriter`` of a file, which is made with its folder where it is not there."""

    frozen_name = SQLITE_NAME

    def __init__(self, path: Path) -> None:
        self._path = path
        make_folder(path.parent)
        super().__init__(open_working(path), insert)

    def freeze(self, locator: str) -> None:
        """See ``CatalogWriter``; the locator is the path of a file that does not exist yet."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM INTO :path"), {"path": locator})
            connection.execute(text("ATTACH :path AS frozen"), {"path": locator})
            for index in indexes("frozen"):  # here alone: they serve readers, and would cost the writer time
                index.create(connection)
            connection.execute(text("DETACH frozen"))

    def fill(self, source: Connection, schema: str) -> None:
        """Copy a frozen state of another database; this one is empty."""
        with self._engine.begin() as connection:
            copy_state(source, connection, schema)

    def _first_files(self) -> Select[Any]:
        first_key = func.min(files.c.path, type_=files.c.path.type)
        # Beside a min, SQLite gives the other columns of the line that holds it.
        first_file = select(images.c.id, images.c.sha256, first_key.label("key"), files.c.mtime_ns)
        return first_file.join_from(files, images).group_by(images.c.id).order_by(first_key)

    def _damaged(self, reason: str) -> StorageError:
        return DamagedCatalogError(self._path, reason)
