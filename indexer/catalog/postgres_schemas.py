"""The schemas of one database: a working one and one for each frozen state of each collection, of the same tables.

Their names begin with the collection's own identity, so that collections of one name, of other data folders or made
anew, never meet. A frozen state is copied and indexed in one transaction. Who reads it holds a shared advisory lock; it
is dropped by who can have that lock alone.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, inspect, text

from indexer.catalog.browsing import indexes
from indexer.catalog.postgres_session import lock_key
from indexer.catalog.tables import metadata

_TABLES = ("alembic_version", *(table.name for table in metadata.sorted_tables))


def working_schema(identity: str) -> str:
    """Return the name of the schema that the indexer changes."""
    return f"semblance_{identity}_working"


def new_frozen_schema(identity: str, locator: str) -> str:
    """Return a name that no schema has or had; it tells the number of the generation's folder."""
    number = re.search(r"\d*$", Path(locator).parent.name)
    return f"semblance_{identity}_{int(number.group() or 0) if number else 0:06d}_{secrets.token_hex(4)}"


def exists(connection: Connection, schema: str) -> bool:
    """Tell whether there is a schema."""
    return bool(connection.scalar(text("SELECT to_regnamespace(:schema) IS NOT NULL"), {"schema": schema}))


def freeze(engine: Engine, working: str, frozen: str) -> None:
    """Copy the working state into a schema of its own, which nobody changes any more; it is there as a whole or not."""
    with engine.begin() as connection:
        copy_tables(connection, working, frozen)
        for table in metadata.sorted_tables:
            copy = table.to_metadata(MetaData(), schema=frozen)
            keys = ", ".join(column.name for column in table.primary_key)
            connection.exec_driver_sql(f"ALTER TABLE {frozen}.{table.name} ADD PRIMARY KEY ({keys})")
            for index in copy.indexes:
                index.create(connection)
        for index in indexes(frozen):  # here alone: they serve readers, and would cost the writer time
            index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM (FREEZE, ANALYZE) {', '.join(f'{frozen}.{name}' for name in _TABLES)}")


def copy_tables(connection: Connection, source: str, target: str) -> None:
    """Make a schema of the tables of another and what they hold, without keys and indexes."""
    connection.exec_driver_sql(f"CREATE SCHEMA {target}")
    for name in _TABLES:
        order = ' ORDER BY "row"' if name in metadata.tables and "row" in metadata.tables[name].columns else ""
        connection.exec_driver_sql(f"CREATE TABLE {target}.{name} AS SELECT * FROM {source}.{name}{order}")  # noqa: S608


def fill_tables(connection: Connection, source: str, target: str) -> None:
    """Copy what the tables of a schema hold to those of another, which are empty and have the same columns."""
    there_are = inspect(connection)
    for table in metadata.sorted_tables:
        if there_are.has_table(table.name, source):
            columns = ", ".join(f'"{column["name"]}"' for column in there_are.get_columns(table.name, source))
            filled, held = f"{target}.{table.name} ({columns})", f"{source}.{table.name}"
            connection.exec_driver_sql(f"INSERT INTO {filled} SELECT {columns} FROM {held}")  # noqa: S608 - our names


def drop_all_but(engine: Engine, identity: str, kept: Collection[str]) -> None:
    """Drop the schemas of a collection but for some, and for those that somebody reads, one transaction each."""
    found = text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :start) ORDER BY nspname")
    with engine.connect() as connection:
        there_are = connection.scalars(found, {"start": f"semblance_{identity}_"}).all()
    for schema in there_are:
        if schema not in kept:
            with engine.begin() as connection:
                alone = text("SELECT pg_try_advisory_xact_lock(:key)")
                if connection.scalar(alone, {"key": lock_key(schema)}):
                    connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")


def pin(connection: Connection, schema: str) -> bool:
    """Hold a schema for as long as the connection lasts; False where it is not there."""
    connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), {"key": lock_key(schema)})
    return exists(connection, schema)
