"""The first schema: roots, files, images, captions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# PostgreSQL orders text by the collation that the column has; SQLite by code points.
_IDENTITY = sa.String(32).with_variant(postgresql.VARCHAR(32, collation="C"), "postgresql")
_NAME = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "roots",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("path", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "caption_files",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("path", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "images",
        sa.Column("id", _IDENTITY, primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("row", sa.Integer),
        sa.Column("name", _NAME),
        sa.Column("captions", sa.JSON),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("taken_at", sa.DateTime),
        sa.Column("camera", sa.Text),
    )
    op.create_index("images_row", "images", ["row"], unique=True)
    op.create_table(
        "files",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("image_id", _IDENTITY, sa.ForeignKey("images.id")),
        sa.Column("failure", sa.Text),
    )
    op.create_index("files_image_id", "files", ["image_id"])
    op.create_table(
        "captions",
        sa.Column("id", _IDENTITY, primary_key=True),
        sa.Column("row", sa.Integer),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("captions_row", "captions", ["row"], unique=True)
    op.create_table(
        "image_captions",
        sa.Column("image_id", _IDENTITY, sa.ForeignKey("images.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("caption_id", _IDENTITY, sa.ForeignKey("captions.id"), nullable=False),
    )
    op.create_index("image_captions_caption_id", "image_captions", ["caption_id"])


def downgrade() -> None:
    """Drop all tables."""
    for table in ("image_captions", "captions", "files", "images", "caption_files", "roots"):
        op.drop_table(table)
