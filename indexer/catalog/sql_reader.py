"""Reads a frozen state of the catalog by SQL: what SQLite and PostgreSQL do alike; every statement is built once."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from operator import attrgetter
from typing import Any, ClassVar

from sqlalchemy import BindParameter, Connection, Engine, bindparam, func, inspect, select
from sqlalchemy.exc import DatabaseError

from indexer.catalog import browsing
from indexer.catalog.base import BrowseOrder, CaptionRecord, ImageRecord, content_id, text_sha256
from indexer.catalog.tables import captions, files, former_ids, image_captions, images, roots
from models.types import Side

_ROWS_AT_ONCE = 1000
FIELDS = [field.name for field in fields(ImageRecord)]


class SqlReader(ABC):
    """All of a ``CatalogReader`` but what databases say differently.

    Args:
        engine: of the frozen state, whose tables the statements name.
        schema: that they are in, where it is not the database's own.
    """

    def __init__(self, engine: Engine, schema: str | None = None) -> None:
        self._engine = engine
        with engine.connect() as connection:
            found = inspect(connection)
            self._held = frozenset(column["name"] for column in found.get_columns(images.name, schema))
            self._has_former_ids = found.has_table(former_ids.name, schema)
            self.image_count: int = connection.scalar(select(func.count()).select_from(images)) or 0
            self.caption_count: int = connection.scalar(select(func.count()).select_from(captions)) or 0

    _unreadable: ClassVar[tuple[type[Exception], ...]] = ()
    """What the driver raises, beside SQLAlchemy's errors, where an entry cannot be read."""

    @abstractmethod
    def check(self) -> None:
        """See ``CatalogReader``."""

    @abstractmethod
    def _images(self, key: str, values: Sequence[int | str]) -> list[ImageRecord]:
        """Return the images whose column ``key`` has one of the values, in any order, by one query."""

    @abstractmethod
    def _found_damage(self, connection: Connection) -> str | None:
        """Return the first thing that the database finds wrong, beside rows and texts."""

    def images_at(self, rows: Sequence[int]) -> list[ImageRecord]:
        """See ``CatalogReader``."""
        by_row = {record.row: record for record in self._images("row", _plain(rows))}
        return [by_row[row] for row in rows]

    def captions_at(self, rows: Sequence[int]) -> list[CaptionRecord]:
        """See ``CatalogReader``."""
        with self._engine.connect() as connection:
            found = connection.execute(_CAPTIONS_AT, {"rows": _plain(rows)}).all()
        by_row = {}
        for row, group in groupby(found, key=attrgetter("row")):
            same = list(group)
            by_row[row] = CaptionRecord(same[0].id, row, same[0].text, tuple(line.image_id for line in same))
        return [by_row[row] for row in rows]

    def caption(self, caption_id: str) -> CaptionRecord | None:
        """See ``CatalogReader``."""
        with self._engine.connect() as connection:
            row = connection.scalar(_CAPTION_ROW, {"id": caption_id})
        return None if row is None else self.captions_at([row])[0]

    def has_caption_with(self, word: str) -> bool:
        """See ``CatalogReader``."""
        whole = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
        holding = select(captions.c.text).where(captions.c.text.icontains(word, autoescape=True))
        with self._engine.connect() as connection:
            return any(whole.search(line.text) for line in connection.execute(holding))

    def images_with_ids(self, ids: Sequence[str]) -> list[ImageRecord]:
        """See ``CatalogReader``."""
        by_id = self._known_by(ids)
        return [by_id[image_id] for image_id in ids]

    def image(self, image_id: str) -> ImageRecord | None:
        """See ``CatalogReader``."""
        return self._known_by([image_id]).get(image_id)

    def browse(self, order: BrowseOrder, after: int | None, limit: int) -> list[ImageRecord]:
        """See ``CatalogReader``."""
        statement = browsing.page(order, self._held, first=after is None)
        with self._engine.connect() as connection:
            rows = connection.scalars(statement, {"limit": limit, "after": after}).all()
        return self.images_at(rows)

    def original_keys(self, image_id: str) -> list[str]:
        """See ``CatalogReader``."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_ORIGINAL_KEYS, {"id": image_id}))

    def roots(self) -> list[str]:
        """See ``CatalogReader``."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_ROOTS))

    def row_keys(self, side: Side) -> list[bytes]:
        """See ``CatalogReader``."""
        with self._engine.connect() as connection:
            if side == "image":
                return list(connection.scalars(_IMAGE_KEYS))
            return [text_sha256(text) for text in connection.scalars(_CAPTION_TEXTS)]

    def damage(self) -> str | None:
        """See ``CatalogReader``."""
        unreadable: tuple[type[Exception], ...] = (*self._unreadable, DatabaseError, KeyError, TypeError, ValueError)
        try:
            with self._engine.connect() as connection:
                return self._found_damage(connection) or self._wrong_rows(connection) or _wrong_caption(connection)
        except unreadable as error:
            return f"an entry cannot be read: {error}".splitlines()[0]

    def close(self) -> None:
        """See ``CatalogReader``."""
        self._engine.dispose()

    def _wrong_rows(self, connection: Connection) -> str | None:
        """Look every row up."""
        for table, look_up in ((images, self.images_at), (captions, self.captions_at)):
            rows = connection.execute(select(table.c.row).order_by(table.c.row)).scalars().all()
            if rows != list(range(len(rows))):
                return f"the rows of its {table.name} are not numbered from 0 on"
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                look_up(rows[start : start + _ROWS_AT_ONCE])
        return None

    def _known_by(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Return the images that have or had some ids, by these."""
        by_id = {record.id: record for record in self._images("id", list(ids))}
        missing = [image_id for image_id in ids if image_id not in by_id]
        if missing and self._has_former_ids:
            with self._engine.connect() as connection:
                renamed = {line.id: line.image_id for line in connection.execute(_FORMER_IDS, {"ids": missing})}
            now = {record.id: record for record in self._images("id", list(renamed.values()))}
            by_id |= {former: now[image_id] for former, image_id in renamed.items()}
        return by_id


def _wrong_caption(connection: Connection) -> str | None:
    """Return which caption has another text than its id says."""
    for caption_id, caption in connection.execute(select(captions.c.id, captions.c.text)):
        if caption_id != content_id(text_sha256(caption)):
            return f"the caption {caption_id} has another text"
    return None


def image_record(columns: Sequence[Any]) -> ImageRecord:
    """Make a record of ``FIELDS`` as JSON carries them; what a generation of an earlier version lacks is None."""
    known = dict(zip(FIELDS, columns, strict=True))
    known["path"] = known["path"] or known["name"]
    known["taken_at"] = _time(known["taken_at"], None)
    known["modified_at"], known["added_at"] = _time(known["modified_at"], UTC), _time(known["added_at"], UTC)
    known["captions"], known["tags"] = tuple(known["captions"] or ()), tuple(known["tags"] or ())
    return ImageRecord(**known)


def _time(text: str | None, zone: tzinfo | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=zone)


def _plain(rows: Sequence[int]) -> list[int]:
    return [int(row) for row in rows]  # sqlite3 stores NumPy's integers as blobs


_ROWS: BindParameter[Any] = bindparam("rows", expanding=True)
_CAPTIONS_AT = (
    select(captions.c.id, captions.c.row, captions.c.text, image_captions.c.image_id)
    .join_from(captions, image_captions)
    .where(captions.c.row.in_(_ROWS))
    .order_by(captions.c.row, image_captions.c.image_id)
)
_CAPTION_ROW = select(captions.c.row).where(captions.c.id == bindparam("id"))
_ORIGINAL_KEYS = select(files.c.path).where(files.c.image_id == bindparam("id")).order_by(files.c.path)
_IMAGE_KEYS = select(images.c.sha256).order_by(images.c.row)
_CAPTION_TEXTS = select(captions.c.text).order_by(captions.c.row)
_FORMER_IDS = select(former_ids).where(former_ids.c.id.in_(bindparam("ids", expanding=True)))
_ROOTS = select(roots.c.path).order_by(roots.c.position)
