"""The first schema: roots, files, images, captions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


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
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("row", sa.Integer),
        sa.Column("name", sa.Text),
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
        sa.Column("image_id", sa.String(32), sa.ForeignKey("images.id")),
        sa.Column("failure", sa.Text),
    )
    op.create_index("files_image_id", "files", ["image_id"])
    op.create_table(
        "captions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("row", sa.Integer),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("captions_row", "captions", ["row"], unique=True)
    op.create_table(
        "image_captions",
        sa.Column("image_id", sa.String(32), sa.ForeignKey("images.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("caption_id", sa.String(32), sa.ForeignKey("captions.id"), nullable=False),
    )
    op.create_index("image_captions_caption_id", "image_captions", ["caption_id"])
