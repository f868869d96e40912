"""Brings a database to the schema that this release needs."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from kombu_postgres import SchemaError, schema
from reports_core.storage.engine import sync_url

__all__ = ["SchemaError", "UnknownRevision", "current", "known", "upgrade"]

_FOLDER = Path(__file__).parent
# Any constant will do, as long as every release uses the same one.
_LOCK = text("SELECT pg_advisory_lock(7305311940287164)")
_UNLOCK = text("SELECT pg_advisory_unlock(7305311940287164)")


class UnknownRevision(Exception):
    """The database is at a revision of a newer release; upgrade this one."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"its tables are those of a newer release (revision {revision}): upgrade this one")


def upgrade(database_url: str, *, queue: bool = True) -> None:
    """Bring the database up to date; safe when several processes start at once on a fresh database.

    With `queue` its tables too, so that servers can submit before any worker was there. Costs a few short statements
    when there is nothing to do. Raises UnknownRevision, and SchemaError for a queue that this release cannot use.
    """
    engine = create_engine(sync_url(database_url), poolclass=NullPool)
    try:
        with engine.connect() as conn:
            _upgrade(conn)
            if queue:
                with conn.begin(), closing(conn.connection.cursor()) as cursor:
                    schema.ensure(cursor)
    finally:
        engine.dispose()


def current(conn: Connection) -> str | None:
    """Return the revision of the database, None for one without tables of ours."""
    return MigrationContext.configure(conn).get_current_revision()


@cache
def known() -> tuple[str, ...]:
    """Return the revisions that this release knows; the first one is that which it needs."""
    return tuple(script.revision for script in ScriptDirectory(str(_FOLDER)).walk_revisions())


def _upgrade(conn: Connection) -> None:
    """Run the migrations that are missing, under a lock: whoever waits for it finds the work done.

    The lock is one of the session, because a migration may need several transactions.
    """
    revision = current(conn)
    conn.rollback()
    if revision == known()[0]:
        return
    if revision is not None and revision not in known():
        raise UnknownRevision(revision)
    conn.execute(_LOCK)
    conn.commit()
    try:
        command.upgrade(_config(conn), "head")
    finally:
        conn.rollback()
        conn.execute(_UNLOCK)
        conn.commit()


def _config(conn: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = conn
    return config
