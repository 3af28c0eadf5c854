"""The catalog's tables, the same in the working state and in the frozen ones.

An image is a content (its id is half of the SHA-256); a file is a key of the photo source that held it (for local
folders its path, which gave the column its name). A caption is a text. ``row`` is the position of an image's or a
caption's vector. ``row``, an image's ``name``, ``path`` and ``modified_at`` and its list ``captions`` are filled in
anew for every generation: with them, showing a search's results takes one look into one table.
"""

from __future__ import annotations

import os

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

from indexer.catalog.base import ID_LENGTH


class FilePath(TypeDecorator[str]):
    """A key or a path as the bytes that a file system knows: file names need not be text in any encoding."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - SQLAlchemy's
        """Encode for the database."""
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        """Decode from the database."""
        return None if value is None else os.fsdecode(value)


# Ordered by code points everywhere: SQLite does so by itself, PostgreSQL where the collation says so.
Identity = String(ID_LENGTH).with_variant(postgresql.VARCHAR(ID_LENGTH, collation="C"), "postgresql")
Name = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
Count = Integer().with_variant(BigInteger(), "postgresql")  # any that a file may claim; SQLite's integers have 64 bits

metadata = MetaData()

roots = Table(
    "roots",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("path", FilePath, nullable=False),
)

caption_files = Table(
    "caption_files",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("path", FilePath, nullable=False),
)

listing_options = Table(
    "listing_options",
    metadata,
    Column("name", Text, primary_key=True),  # exclude, follow_links
    Column("position", Integer, primary_key=True),
    Column("value", Text, nullable=False),
)

images = Table(
    "images",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("row", Integer),
    Column("name", Name),
    Column("captions", JSON),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", Text, nullable=False),
    Column("taken_at", DateTime),
    Column("camera", Text),
    Column("lens", Text),
    Column("iso", Count),
    Column("latitude", Float),  # degrees, north and east of 0
    Column("longitude", Float),
    Column("orientation", Text),  # landscape, portrait or square
    Column("tags", JSON),
    Column("title", Text),
    Column("path", Text),  # of the first file that holds it, relative to its root
    Column("modified_at", DateTime),  # of that file, UTC
    Column("added_at", DateTime),  # UTC; unknown of what an earlier version read
    Column("decoder_revision", Integer, nullable=False, server_default="0"),  # of the decoder that read it
    Column("remark", Text),  # what was wrong with a file that could be read all the same
    Index("images_row", "row", unique=True),
)

former_ids = Table(
    "former_ids",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("image_id", Identity, ForeignKey("images.id"), nullable=False),
    Index("former_ids_image_id", "image_id"),
)

files = Table(
    "files",
    metadata,
    Column("path", FilePath, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("image_id", Identity, ForeignKey("images.id")),
    Column("failure", Text),  # why the file is no image
    Column("failure_kind", Text),  # what could make it readable: see ``SeenFile``
    Column("decoder", Text),  # which decoders there were when it failed
    Index("files_image_id", "image_id"),
)

captions = Table(
    "captions",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("row", Integer),
    Column("text", Text, nullable=False),
    Index("captions_row", "row", unique=True),
)

image_captions = Table(
    "image_captions",
    metadata,
    Column("image_id", Identity, ForeignKey("images.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("caption_id", Identity, ForeignKey("captions.id"), nullable=False),
    Index("image_captions_caption_id", "caption_id"),
)

departed = Table(
    "departed",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),  # of an image whose vectors are kept though no file holds it
    Column("generation", Integer, nullable=False),  # the first one without it
)
