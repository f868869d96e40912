"""Publishing within a transaction of SQLAlchemy: on psycopg2, or on asyncpg under `run_sync`. Needs SQLAlchemy."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from kombu_postgres import publishing
from kombu_postgres.message import Message
from kombu_postgres.publishing import Wakeup


def publish(connection: Connection, messages: Sequence[Message]) -> Wakeup:
    """Insert messages as a part of the connection's transaction; fire the wake-up after its commit."""
    return publishing.publish_with(
        lambda statement, values: connection.execute(text(statement), dict(values)), messages
    )


def fire(connection: Connection, wakeup: Wakeup) -> None:
    """Wake consumers; the connection must be in a new transaction, which the caller commits."""
    wakeup.fire_with(lambda statement, values: connection.execute(text(statement), dict(values)))
