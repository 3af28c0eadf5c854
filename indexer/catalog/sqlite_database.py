"""The ``CatalogDatabase`` of one machine: an SQLite file for the working state, and one for each frozen state."""

from __future__ import annotations

from pathlib import Path

from indexer.catalog.sqlite_reader import SqliteReader
from indexer.catalog.sqlite_writer import SqliteWriter


class SqliteDatabase:
    """Locators of frozen states are paths of files, in folders that exist.

    Args:
        working: the file of the working state, made with its folder where it is not there.
    """

    def __init__(self, working: Path) -> None:
        self._working = working

    def open_writer(self) -> SqliteWriter:
        """See ``CatalogDatabase``."""
        return SqliteWriter(self._working)

    def open_reader(self, locator: str) -> SqliteReader:
        """See ``CatalogDatabase``."""
        return SqliteReader(Path(locator))
