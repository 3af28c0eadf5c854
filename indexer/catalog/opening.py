"""Says which database keeps a collection's catalog: SQLite, unless a URL names PostgreSQL.

What writes follows the setting; what reads follows the generation, whose folder says where its frozen state is.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.catalog.base import POSTGRES_NAME, CatalogDatabase, CatalogReader
from indexer.catalog.sqlite_database import SqliteDatabase
from indexer.errors import CatalogGoneError, CatalogUrlMissingError
from indexer.identity import CATALOG_IDENTITY
from indexer.layout import CollectionLayout
from models.errors import StorageError

if TYPE_CHECKING:
    from indexer.catalog.postgres_database import PostgresDatabase

URL_VARIABLE, TIMEOUT_VARIABLE = "SEMBLANCE_CATALOG_URL", "SEMBLANCE_CATALOG_TIMEOUT_S"
DEFAULT_TIMEOUT_S = 5.0


def catalog_database(layout: CollectionLayout) -> CatalogDatabase:
    """Return the database that a collection's catalog is written to."""
    if os.environ.get(URL_VARIABLE):
        return _postgres(layout)
    return SqliteDatabase(layout.work / "catalog.sqlite")


def check_url() -> None:
    """Look at the setting of the URL, where there is one.

    Raises:
        CatalogUrlError: it is none of a PostgreSQL database.
        StorageError: the driver is not installed.
    """
    if os.environ.get(URL_VARIABLE):
        _postgres(CollectionLayout(Path())).check_url()


def open_frozen(layout: CollectionLayout, locator: Path) -> CatalogReader:
    """Open the frozen state of a generation.

    Raises:
        CatalogUrlMissingError: PostgreSQL keeps it, and no URL is set.
        StorageError: it is not where the locator says.
    """
    if locator.name == POSTGRES_NAME:
        return _postgres(layout).open_reader(str(locator))
    return SqliteDatabase(layout.work / "catalog.sqlite").open_reader(str(locator))


def is_there(layout: CollectionLayout, locator: Path) -> bool:
    """Tell whether the frozen state of a generation is where its file, which is as it was written, says."""
    if locator.name == POSTGRES_NAME:
        try:
            open_frozen(layout, locator).close()
        except CatalogGoneError:
            return False
    return True


def write_as_file(layout: CollectionLayout, locator: Path, target: Path) -> None:
    """Write a frozen state that PostgreSQL keeps to an SQLite file, which does not exist yet.

    Raises:
        CatalogUrlMissingError: no URL is set.
        StorageError: the state is not where the locator says, or the server does not answer.
    """
    with closing(_postgres(layout).open_reader(str(locator))) as reader:
        reader.write_file(target)


def frozen_locators(layout: CollectionLayout) -> list[str]:
    """Return where the generations' folders say that their frozen states are, of those that a server keeps."""
    return [str(path) for path in layout.generations.glob(f"*/{POSTGRES_NAME}")]


def check_reach(layout: CollectionLayout) -> None:
    """Look whether all of a collection's catalog can be reached.

    Raises:
        CatalogUrlMissingError: PostgreSQL keeps some of it, and no URL is set.
    """
    if (layout.root / CATALOG_IDENTITY).exists():
        _postgres(layout)


def drop_elsewhere(layout: CollectionLayout) -> None:
    """Drop all of a collection's catalog that is not in its folder.

    Raises:
        CatalogUrlMissingError: PostgreSQL keeps some of it, and no URL is set.
    """
    if (layout.root / CATALOG_IDENTITY).exists():
        _postgres(layout).drop()


def _postgres(layout: CollectionLayout) -> PostgresDatabase:
    url = os.environ.get(URL_VARIABLE)
    if not url:
        raise CatalogUrlMissingError(layout.name, URL_VARIABLE)
    try:
        from indexer.catalog.postgres_database import PostgresDatabase
    except ImportError:  # psycopg is an extra, which the embedded default does without
        raise StorageError(
            f"{URL_VARIABLE} is set, and psycopg is not installed: pip install semblance[postgres]"
        ) from None
    return PostgresDatabase(url, float(os.environ.get(TIMEOUT_VARIABLE) or DEFAULT_TIMEOUT_S), layout.root)
