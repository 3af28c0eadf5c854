"""Cursors: where a page of results ended, as text that a caller hands back for the page after it."""

from __future__ import annotations

import base64
import binascii
import json

from models.errors import QueryError
from service.search.query import Position


def write_cursor(generation: int, last: Position) -> str:
    """Return the cursor of the page after a position."""
    text = json.dumps([generation, last.rank, last.score, last.row], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[int, Position]:
    """Return the generation and the position of a cursor.

    Raises:
        QueryError: it is none of this service's.
    """
    try:
        generation, rank, score, row = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return int(generation), Position(int(rank), float(score), int(row))
    except (binascii.Error, ValueError, TypeError):
        raise QueryError("The cursor is not one of this service's: hand back the next_cursor of an answer.") from None
