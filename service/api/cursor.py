"""Cursors: where a page of results ended, as text that a caller hands back for the page after it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from indexer.catalog.base import BrowseOrder
from models.errors import QueryError
from service.search.query import Position

_NOT_OURS = "The cursor is not one of this service's: hand back the next_cursor of an answer."
_MOST_ROWS = 1 << 63
"""What no database can count beyond."""


def write_cursor(generation: int, last: Position) -> str:
    """Return the cursor of the page after a position in a search's results."""
    return _encode(generation, last.rank, last.score, last.row)


def read_cursor(cursor: str) -> tuple[int, Position]:
    """Return the generation and the position of a search's cursor.

    Raises:
        QueryError: it is none of this service's.
    """
    generation, rank, score, row = _decode(cursor, (int, int, float, int))
    return generation, Position(rank, score, row)


def write_browsing_cursor(generation: int, order: BrowseOrder, row: int) -> str:
    """Return the cursor of the page after an image, by its row, of a collection in an order."""
    return _encode(generation, order, row)


def read_browsing_cursor(cursor: str, order: BrowseOrder) -> tuple[int, int]:
    """Return the generation of a cursor and the row of the image that the page follows.

    Raises:
        QueryError: it is none of this service's, or of another order.
    """
    generation, of, row = _decode(cursor, (int, str, int))
    if not 0 <= row < _MOST_ROWS:
        raise QueryError(_NOT_OURS)
    if of != order:
        raise QueryError(f"The cursor is one of sort={of}, not of sort={order}: give the sort of the page before.")
    return generation, row


def _encode(*values: object) -> str:
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, kinds: tuple[type, ...]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [kind(value) for kind, value in zip(kinds, values, strict=True)]
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise QueryError(_NOT_OURS) from None
