"""Reads a frozen state of the catalog from its SQLite file.

Every statement is built once, here, and its compiled form is cached by SQLAlchemy: a search waits for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, select

from indexer.catalog.base import CaptionRecord, ImageRecord
from indexer.catalog.session import open_snapshot
from indexer.catalog.tables import captions, files, image_captions, images, roots


class SqliteReader:
    """The ``CatalogReader`` of a file that never changes."""

    def __init__(self, path: Path) -> None:
        self._engine = open_snapshot(path)
        with self._engine.connect() as connection:
            self.image_count: int = connection.scalar(select(func.count()).select_from(images)) or 0
            self.caption_count: int = connection.scalar(select(func.count()).select_from(captions)) or 0

    def images_at(self, rows: Sequence[int]) -> list[ImageRecord]:
        """See ``CatalogReader``."""
        by_row = {record.row: record for record in self._images(_IMAGES_AT, {"rows": _plain(rows)})}
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

    def images_with_ids(self, ids: Sequence[str]) -> list[ImageRecord]:
        """See ``CatalogReader``."""
        by_id = {record.id: record for record in self._images(_IMAGES_WITH_IDS, {"ids": list(ids)})}
        return [by_id[image_id] for image_id in ids]

    def image(self, image_id: str) -> ImageRecord | None:
        """See ``CatalogReader``."""
        return next(iter(self._images(_IMAGES_WITH_IDS, {"ids": [image_id]})), None)

    def original_keys(self, image_id: str) -> list[str]:
        """See ``CatalogReader``."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_ORIGINAL_KEYS, {"id": image_id}))

    def roots(self) -> list[str]:
        """See ``CatalogReader``."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_ROOTS))

    def close(self) -> None:
        """See ``CatalogReader``."""
        self._engine.dispose()

    def _images(self, statement: Select[tuple[Any, ...]], parameters: Mapping[str, object]) -> list[ImageRecord]:
        with self._engine.connect() as connection:
            return [ImageRecord(*(*facts, tuple(texts))) for *facts, texts in connection.execute(statement, parameters)]


def _plain(rows: Sequence[int]) -> list[int]:
    return [int(row) for row in rows]  # sqlite3 stores NumPy's integers as blobs


_ROWS: BindParameter[Any] = bindparam("rows", expanding=True)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_IMAGE_COLUMNS = select(*(images.c[field.name] for field in fields(ImageRecord)))
_IMAGES_AT = _IMAGE_COLUMNS.where(images.c.row.in_(_ROWS))
_IMAGES_WITH_IDS = _IMAGE_COLUMNS.where(images.c.id.in_(_IDS))
_CAPTIONS_AT = (
    select(captions.c.id, captions.c.row, captions.c.text, image_captions.c.image_id)
    .join_from(captions, image_captions)
    .where(captions.c.row.in_(_ROWS))
    .order_by(captions.c.row, image_captions.c.image_id)
)
_ORIGINAL_KEYS = select(files.c.path).where(files.c.image_id == bindparam("id")).order_by(files.c.path)
_ROOTS = select(roots.c.path).order_by(roots.c.position)
