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
    func,
    literal_column,
    select,
    tuple_,
)

from indexer.catalog.base import BrowseOrder
from indexer.catalog.tables import images

_DATES: dict[BrowseOrder, str] = {"taken": "taken_at", "added": "added_at"}


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
    """Return the indexes of the frozen state attached under a name: a page costs much the same wherever it is."""
    table = images.to_metadata(MetaData(), schema=schema)
    return [
        Index(f"images_by_{order}", _key(table, order, table.columns.keys()), table.c.name, table.c.row)
        for order in get_args(BrowseOrder)
    ]


def _key(table: FromClause, order: BrowseOrder, columns: Collection[str]) -> ColumnElement[Any]:
    """Return what is sorted by first: minus the day, so that the newest is first and no date last; or the name."""
    column = _DATES.get(order)
    if column is None or column not in columns:
        name: ColumnElement[Any] = table.c.name
        return name
    return func.coalesce(-func.julianday(table.c[column], type_=Float), literal_column("0"))
