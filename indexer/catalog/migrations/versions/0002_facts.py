"""What files tell beside their pixels, ids that changed, why files failed, images that are gone, what is listed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_IDENTITY = sa.String(32).with_variant(postgresql.VARCHAR(32, collation="C"), "postgresql")
_COUNT = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    """Add columns, which are empty until the files are read again, and three tables."""
    for column in (
        sa.Column("lens", sa.Text),
        sa.Column("iso", _COUNT),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("orientation", sa.Text),
        sa.Column("tags", sa.JSON),
        sa.Column("title", sa.Text),
        sa.Column("path", sa.Text),
        sa.Column("modified_at", sa.DateTime),
        sa.Column("added_at", sa.DateTime),
        sa.Column("decoder_revision", sa.Integer, nullable=False, server_default="0"),
        sa.Column("remark", sa.Text),
    ):
        op.add_column("images", column)
    for column in (sa.Column("failure_kind", sa.Text), sa.Column("decoder", sa.Text)):
        op.add_column("files", column)
    op.create_table(
        "former_ids",
        sa.Column("id", _IDENTITY, primary_key=True),
        sa.Column("image_id", _IDENTITY, sa.ForeignKey("images.id"), nullable=False),
    )
    op.create_index("former_ids_image_id", "former_ids", ["image_id"])
    op.create_table(
        "departed",
        sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column("generation", sa.Integer, nullable=False),
    )
    op.create_table(
        "listing_options",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop what was added, and what it held."""
    for table in ("listing_options", "departed", "former_ids"):
        op.drop_table(table)
    for column in ("failure_kind", "decoder"):
        op.drop_column("files", column)
    for column in (
        "lens",
        "iso",
        "latitude",
        "longitude",
        "orientation",
        "tags",
        "title",
        "path",
        "modified_at",
        "added_at",
        "decoder_revision",
        "remark",
    ):
        op.drop_column("images", column)
