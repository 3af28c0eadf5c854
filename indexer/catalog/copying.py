"""Copies all that a catalog holds from one database to another, whatever they are."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select

from indexer.catalog.tables import metadata

_ROWS_AT_ONCE = 5000


def copy_state(source: Connection, target: Connection, source_schema: str | None = None) -> None:
    """Copy what both have of every table, in an order that references allow.

    Args:
        source: of a state that does not change meanwhile.
        target: has the tables of a revision that is as new or newer, empty, and a transaction begun.
        source_schema: that the source's tables are in, where it is not the database's own.
    """
    found, there_are = inspect(source), inspect(target)
    for table in metadata.sorted_tables:
        if found.has_table(table.name, source_schema) and there_are.has_table(table.name):
            held = {column["name"] for column in found.get_columns(table.name, source_schema)}
            held &= {column["name"] for column in there_are.get_columns(table.name)}
            columns = [column for column in table.columns if column.name in held]
            lines = source.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(*columns)).mappings()
            for part in lines.partitions(_ROWS_AT_ONCE):
                target.execute(table.insert(), [dict(line) for line in part])
