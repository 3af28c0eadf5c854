"""The orders in which images are browsed, and the indexes that a frozen state has for them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, get_args

from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    Index,
    MetaData,
    Select,
    bindparam,
    cast,
    extract,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from indexer.catalog.base import BrowseOrder
from indexer.catalog.tables import images

_DATES: dict[BrowseOrder, str] = {"taken": "taken_at", "added": "added_at"}


class _NewestFirst(FunctionElement[float]):
    """A number by which the newest date comes first and none last; each database counts time by its own function."""

    name = "newest_first"
    type = Float()
    inherit_cache = True


@compiles(_NewestFirst, "sqlite")
def _by_day(element: _NewestFirst, compiler: SQLCompiler, **options: Any) -> str:
    (date,) = element.clauses
    return compiler.process(func.coalesce(-func.julianday(date, type_=Float), literal_column("0")), **options)


@compiles(_NewestFirst, "postgresql")
def _by_second(element: _NewestFirst, compiler: SQLCompiler, **options: Any) -> str:
    (date,) = element.clauses
    second = cast(extract("epoch", date), Float)
    return compiler.process(func.coalesce(-second, literal_column("'infinity'::float")), **options)


def page(order: BrowseOrder, columns: Collection[str], *, first: bool) -> Select[Any]:
    """Return the statement for ``:limit`` rows in an order: the first ones, or those that follow the row ``:after``.

    Args:
        order: of the images.
        columns: that the table of images has; that of an earlier version lacks some.
        first: whether these are the first rows.
    """
    key = _key(images, order, columns)
    rows = select(images.c.row).order_by(key, images.c.name, images.c.row).limit(bindparam("limit"))
    if first:
        return rows
    before = images.alias()
    last = select(_key(before, order, columns).label("key"), before.c.name, before.c.row)
    last_one = last.where(before.c.row == bindparam("after")).cte("last")
    return rows.where(
        key >= select(last_one.c.key).scalar_subquery(),  # alone, or SQLite would look at all that came before
        tuple_(key, images.c.name, images.c.row) > select(last_one).scalar_subquery(),
    )


def indexes(schema: str) -> list[Index]:
    """Return the indexes of the frozen state in a schema: a page costs much the same wherever it is."""
    table = images.to_metadata(MetaData(), schema=schema)
    return [
        Index(f"images_by_{order}", _key(table, order, table.columns.keys()), table.c.name, table.c.row)
        for order in get_args(BrowseOrder)
    ]


def _key(table: FromClause, order: BrowseOrder, columns: Collection[str]) -> ColumnElement[Any]:
    """Return what is sorted by first: the date, newest first, or the name."""
    column = _DATES.get(order)
    if column is None or column not in columns:
        name: ColumnElement[Any] = table.c.name
        return name
    return _NewestFirst(table.c[column])
