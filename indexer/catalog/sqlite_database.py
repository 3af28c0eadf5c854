"""The ``CatalogDatabase`` of one machine: an SQLite file for the working state, and one for each frozen state."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from sqlalchemy.schema import DropIndex

from indexer.catalog.browsing import indexes
from indexer.catalog.schema_revision import REVISIONS, revision
from indexer.catalog.session import open_file, open_snapshot
from indexer.catalog.sqlite_reader import SqliteReader
from indexer.catalog.sqlite_writer import SqliteWriter
from models.files import flush, make_folder


class SqliteDatabase:
    """Locators of frozen states are paths of files, in folders that exist.

    Args:
        working: the file of the working state, made with its folder where it is not there.
    """

    def __init__(self, working: Path) -> None:
        self._working = working

    def lock(self) -> AbstractContextManager[None]:
        """See ``CatalogDatabase``: the folder's lock is enough."""
        return nullcontext()

    def has_working(self) -> bool:
        """See ``CatalogDatabase``."""
        return self._working.exists()

    def adopt(self, locator: str) -> bool:
        """See ``CatalogDatabase``."""
        frozen = open_snapshot(Path(locator))
        try:
            if revision(frozen) not in REVISIONS:
                return False
        finally:
            frozen.dispose()
        make_folder(self._working.parent)
        for suffix in ("-wal", "-shm"):  # of a file that was deleted: SQLite would apply them to the copy
            self._working.with_name(self._working.name + suffix).unlink(missing_ok=True)
        copy = self._working.with_name(f".{self._working.name}.new")
        shutil.copyfile(locator, copy)
        engine = open_file(copy)
        with engine.begin() as connection:
            for index in indexes(schema="main"):  # for readers alone
                connection.execute(DropIndex(index, if_exists=True))
        engine.dispose()
        flush(copy)
        copy.replace(self._working)
        flush(self._working.parent)
        return True

    def open_writer(self) -> SqliteWriter:
        """See ``CatalogDatabase``."""
        return SqliteWriter(self._working)

    def open_reader(self, locator: str) -> SqliteReader:
        """See ``CatalogDatabase``."""
        return SqliteReader(Path(locator))

    def keep_only(self, locators: Collection[str]) -> None:
        """See ``CatalogDatabase``: the files go with the folders they are in."""

    def drop(self) -> None:
        """See ``CatalogDatabase``: there is nothing elsewhere."""
