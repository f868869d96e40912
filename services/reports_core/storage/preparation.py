"""What a process demands of its database before it starts."""

from __future__ import annotations

from typing import cast

from psycopg2.extensions import connection, parse_dsn
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from kombu_postgres.pooler import PoolerError, refuse_pooler
from reports_core.settings import PREFIX, DatabaseSettings, SettingsError
from reports_core.storage import migrations
from reports_core.storage.engine import sync_url


def prepare(settings: DatabaseSettings) -> None:
    """Bring the database up to date; raises SettingsError when it cannot be used, DBAPIError when it is away."""
    require_own_session(settings.session_url, f"{PREFIX}DIRECT_DATABASE_URL")
    try:
        migrations.upgrade(settings.session_url, queue=settings.broker_url is None)
    except migrations.SchemaError as error:
        raise SettingsError(f"cannot use the queue in the database of DATABASE_URL: {error}") from None
    except migrations.UnknownRevision as error:
        raise SettingsError(f"cannot use the database of DATABASE_URL: {error}") from None


def require_own_session(url: str, variable: str) -> None:
    """Raise SettingsError, which names the variable to set, when the sessions behind a URL are shared by transactions.

    Listening for notifications and locks that outlive a transaction need a session of their own.
    """
    # Each look is a transaction of its own, as only then a pooler may change the session.
    engine = create_engine(sync_url(url), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        try:
            refuse_pooler(_psycopg2(conn), parse_dsn(url))
        except PoolerError:
            raise SettingsError(
                f"{variable} must lead to PostgreSQL itself: what is set leads to a pooler in transaction mode "
                "(PgBouncer), behind which nobody can listen for notifications or hold locks"
            ) from None


def _psycopg2(conn: Connection) -> connection:
    return cast("connection", conn.connection.driver_connection)  # SQLAlchemy does not say which driver's it is
