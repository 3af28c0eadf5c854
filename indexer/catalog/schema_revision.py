"""Which schema a catalog has, and bringing it to another: the same migrations for SQLite and PostgreSQL.

Alembic takes a while to import: it is, where there is something to do.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

REVISIONS = ("0001", "0002")
"""Of every schema that can be read or migrated, the newest last."""

NEWEST = REVISIONS[-1]

_MIGRATIONS = Path(__file__).with_name("migrations")


def revision(engine: Engine, schema: str | None = None) -> str | None:
    """Return the revision of a catalog's schema, None where it has none.

    Args:
        engine: of the database.
        schema: that the catalog's tables are in; None is the database's own.
    """
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version", schema):
            return None
        table = "alembic_version" if schema is None else f"{schema}.alembic_version"
        found: str | None = connection.exec_driver_sql(f"SELECT version_num FROM {table}").scalar()  # noqa: S608 - ours
        return found


def upgrade(connection: Connection, to: str = "head") -> None:
    """Apply the migrations up to a revision, in the connection's transaction."""
    _run(connection, "upgrade", to)


def downgrade(connection: Connection, to: str) -> None:
    """Undo the migrations down to a revision, or ``base`` for all, in the connection's transaction; data goes too."""
    _run(connection, "downgrade", to)


def migration_error() -> type[Exception]:
    """Return what ``upgrade`` raises where the catalog is of a revision that this version does not know."""
    from alembic.util import CommandError

    return CommandError


def _run(connection: Connection, command_name: str, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    getattr(command, command_name)(config, to)
