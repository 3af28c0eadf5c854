"""The ``CatalogDatabase`` of many machines: schemas of one PostgreSQL database (see ``postgres_schemas``)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, Engine

from indexer.catalog import postgres_schemas as schemas
from indexer.catalog.base import SQLITE_NAME
from indexer.catalog.copying import copy_state
from indexer.catalog.postgres_reader import PostgresReader
from indexer.catalog.postgres_session import postgres_url, reading_engine, writing_engine
from indexer.catalog.postgres_writer import PostgresWriter, read_locator
from indexer.catalog.schema_revision import NEWEST, REVISIONS, migration_error, revision, upgrade
from indexer.catalog.session import open_snapshot
from indexer.errors import CatalogAwayError, NewerCatalogError
from indexer.identity import CATALOG_IDENTITY, identity_of, make_identity


class PostgresDatabase:
    """Locators of frozen states are paths of files that name schemas; those of SQLite's files can be adopted, too.

    Args:
        url: of the database.
        timeout_s: how long connecting, and a look-up, may take.
        root: the collection's folder, which holds its identity; it is made by the first writer.
    """

    def __init__(self, url: str, timeout_s: float, root: Path) -> None:
        self._url, self._timeout_s, self._root = url, timeout_s, root
        self._session: Engine | None = None

    def check_url(self) -> None:
        """Look at the form of the URL.

        Raises:
            CatalogUrlError: it is none of PostgreSQL.
        """
        postgres_url(self._url)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """See ``CatalogDatabase``; the writer works in the session that has the lock."""
        session = self._session = self._new_session()
        try:
            with session.connect():
                pass
            yield
        finally:
            self._session = None
            session.dispose()

    def has_working(self) -> bool:
        """See ``CatalogDatabase``."""
        identity = identity_of(self._root, CATALOG_IDENTITY)
        if identity is None:
            return False
        with (self._session or self._reading()).connect() as connection:
            return schemas.exists(connection, schemas.working_schema(identity))

    def adopt(self, locator: str) -> bool:
        """See ``CatalogDatabase``; the state of an SQLite file is taken over as well, for good."""
        path = Path(locator)
        return self._adopt_file(path) if path.name == SQLITE_NAME else self._adopt_schema(read_locator(path))

    def open_writer(self) -> PostgresWriter:
        """See ``CatalogDatabase``."""
        session, done = self._session, _nothing
        if session is None:
            session = self._new_session()
            done = session.dispose
        try:
            self._prepare(session)
        except BaseException as error:
            done()
            if isinstance(error, migration_error()):
                raise NewerCatalogError(Path(self._working())) from error
            raise
        return PostgresWriter(session, self._identity, done)

    def open_reader(self, locator: str) -> PostgresReader:
        """See ``CatalogDatabase``."""
        engine, schema = self._reading(), read_locator(Path(locator))
        try:
            return PostgresReader(engine, schema)
        except CatalogAwayError:  # over a connection from before the server's restart, or indeed
            engine.dispose()
            return PostgresReader(engine, schema)

    def keep_only(self, locators: Collection[str]) -> None:
        """See ``CatalogDatabase``."""
        try:
            kept = {read_locator(Path(locator)) for locator in locators if Path(locator).name != SQLITE_NAME}
        except (OSError, ValueError):
            return  # which states are in use is not known: none is dropped
        self._drop_but({*kept, self._working()})

    def drop(self) -> None:
        """See ``CatalogDatabase``."""
        if self._session is not None or identity_of(self._root, CATALOG_IDENTITY) is not None:
            self._drop_but(())

    def _adopt_file(self, path: Path) -> bool:
        frozen = open_snapshot(path)
        try:
            held = revision(frozen)
            if held not in REVISIONS:
                return False
            with self._within() as session, session.begin() as target, frozen.connect() as source:
                self._make(target, held)
                copy_state(source, target)
        finally:
            frozen.dispose()
        return True

    def _adopt_schema(self, schema: str) -> bool:
        with self._within() as session:
            held = revision(session, schema)
            if held not in REVISIONS:
                return False
            with session.begin() as connection:
                self._make(connection, held)
                schemas.fill_tables(connection, schema, self._working())
        return True

    def _make(self, connection: Connection, held: str) -> None:
        connection.exec_driver_sql(f"CREATE SCHEMA {self._working()}")
        upgrade(connection, held)

    def _drop_but(self, kept: Collection[str]) -> None:
        with self._within() as session:
            schemas.drop_all_but(session, self._identity, kept)

    def _prepare(self, session: Engine) -> None:
        """Make the working schema, or bring its tables up to date, in one transaction."""
        working = self._working()
        if revision(session, working) == NEWEST:
            return
        with session.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {working}")
            upgrade(connection)

    def _reading(self) -> Engine:
        return reading_engine(self._url, self._timeout_s)

    @cached_property
    def _identity(self) -> str:
        """Of the collection, wherever its folder is moved meanwhile."""
        return make_identity(self._root, CATALOG_IDENTITY)

    def _working(self) -> str:
        return schemas.working_schema(self._identity)

    def _new_session(self) -> Engine:
        return writing_engine(self._url, self._timeout_s, self._working(), self._root.name)

    @contextmanager
    def _within(self) -> Iterator[Engine]:
        """Give the session that has the lock: the present one, or one for the length of the block."""
        if self._session is not None:
            yield self._session
            return
        session = self._new_session()
        try:
            yield session
        finally:
            session.dispose()


def _nothing() -> None:
    """Leave the session to who opened it."""
