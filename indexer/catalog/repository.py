"""Reads a generation's catalog: what is shown of a row, and where its file is.

``images_at`` is on the path of every search, so it is one statement, compiled once and cached by SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, select

from indexer.catalog.session import open_snapshot
from indexer.catalog.tables import captions, files, image_captions, images, roots


@dataclass(frozen=True)
class ImageRecord:
    """What is known of an image.

    Attributes:
        id: half of the content's SHA-256, 32 hex digits: the same wherever the file is and however often indexed.
        row: of its vector, in this generation.
        width: in pixels, upright.
        height: in pixels, upright.
        format: ``JPEG``, ``PNG``, ``WEBP``, ``GIF`` or ``HEIF``.
        taken_at: the camera's local time, or None.
        camera: make and model, or None.
        name: base name of the first file that holds it.
        captions: in the order given.
    """

    id: str
    row: int
    width: int
    height: int
    format: str
    taken_at: datetime | None
    camera: str | None
    name: str
    captions: tuple[str, ...]


@dataclass(frozen=True)
class CaptionRecord:
    """A caption and the images that it describes; ``id`` is half of the text's SHA-256."""

    id: str
    row: int
    text: str
    image_ids: tuple[str, ...]


class CatalogReader:
    """Answers from a snapshot file that never changes; safe in many threads."""

    def __init__(self, path: Path) -> None:
        self._engine = open_snapshot(path)
        with self._engine.connect() as connection:
            self.image_count: int = connection.scalar(select(func.count()).select_from(images)) or 0
            self.caption_count: int = connection.scalar(select(func.count()).select_from(captions)) or 0

    def images_at(self, rows: Sequence[int]) -> list[ImageRecord]:
        """Return the images of rows, in the order given.

        Raises:
            KeyError: a row does not exist.
        """
        by_row = {record.row: record for record in self._images(_IMAGES_AT, {"rows": _plain(rows)})}
        return [by_row[row] for row in rows]

    def images_with_ids(self, ids: Sequence[str]) -> list[ImageRecord]:
        """Return the images of ids, in the order given.

        Raises:
            KeyError: no image has one of the ids.
        """
        by_id = {record.id: record for record in self._images(_IMAGES_WITH_IDS, {"ids": list(ids)})}
        return [by_id[image_id] for image_id in ids]

    def captions_at(self, rows: Sequence[int]) -> list[CaptionRecord]:
        """Return the captions of rows, in the order given.

        Raises:
            KeyError: a row does not exist.
        """
        with self._engine.connect() as connection:
            found = connection.execute(_CAPTIONS_AT, {"rows": _plain(rows)}).all()
        by_row = {}
        for row, group in groupby(found, key=attrgetter("row")):
            same = list(group)
            by_row[row] = CaptionRecord(same[0].id, row, same[0].text, tuple(line.image_id for line in same))
        return [by_row[row] for row in rows]

    def image(self, image_id: str) -> ImageRecord | None:
        """Return one image, None where no image has that id."""
        return next(iter(self._images(_IMAGE, {"id": image_id})), None)

    def original_paths(self, image_id: str) -> list[Path]:
        """Return the absolute paths of the files that hold an image; empty where no image has that id."""
        statement = select(files.c.path).where(files.c.image_id == image_id).order_by(files.c.path)
        with self._engine.connect() as connection:
            return [Path(path) for path in connection.scalars(statement)]

    def roots(self) -> list[Path]:
        """Return the folders (or single files) that the collection was made from."""
        with self._engine.connect() as connection:
            return [Path(path) for path in connection.scalars(select(roots.c.path).order_by(roots.c.position))]

    def close(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()

    def _images(self, statement: Select[tuple[Any, ...]], parameters: Mapping[str, object]) -> list[ImageRecord]:
        with self._engine.connect() as connection:
            return [ImageRecord(*(*facts, tuple(texts))) for *facts, texts in connection.execute(statement, parameters)]


def _plain(rows: Sequence[int]) -> list[int]:
    return [int(row) for row in rows]  # sqlite3 stores NumPy's integers as blobs


_ROWS: BindParameter[Any] = bindparam("rows", expanding=True)
_IMAGE_COLUMNS = select(*(images.c[field.name] for field in fields(ImageRecord)))
_IMAGES_AT = _IMAGE_COLUMNS.where(images.c.row.in_(_ROWS))
_IMAGES_WITH_IDS = _IMAGE_COLUMNS.where(images.c.id.in_(bindparam("ids", expanding=True)))
_IMAGE = _IMAGE_COLUMNS.where(images.c.id == bindparam("id"))
_CAPTIONS_AT = (
    select(captions.c.id, captions.c.row, captions.c.text, image_captions.c.image_id)
    .join_from(captions, image_captions)
    .where(captions.c.row.in_(_ROWS))
    .order_by(captions.c.row, image_captions.c.image_id)
)
