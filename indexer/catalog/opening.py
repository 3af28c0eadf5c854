"""Says which database keeps a collection's catalog."""

from __future__ import annotations

from indexer.catalog.base import CatalogDatabase
from indexer.catalog.sqlite_database import SqliteDatabase
from indexer.layout import CollectionLayout


def catalog_database(layout: CollectionLayout) -> CatalogDatabase:
    """Return the database of a collection's catalog."""
    return SqliteDatabase(layout.work / "catalog.sqlite")
