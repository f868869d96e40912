"""Refuses to consume through a pooler that gives every transaction another session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg2

from kombu_postgres.database import Connection


class PoolerError(Exception):
    """A consumer needs a session of its own; connect it past the pooler, or let the pooler work by session."""


def refuse_pooler(conn: Connection, parameters: Mapping[str, Any]) -> None:
    """Raise PoolerError when the session behind `conn` is not its own.

    A pooler answers for the server, so the backend it names at connect is not the one that runs the statements. To
    tell a pooler by session, which will do, from one by transaction, a second connection holds a transaction open: if
    it got the session that the first one had, or pushed the first one to another, sessions are shared.
    """
    first = _backend_pid(conn)
    if first == conn.info.backend_pid:
        return
    other = psycopg2.connect(**parameters)
    try:
        if _backend_pid(other) == first or _backend_pid(conn) != first:
            raise PoolerError(
                "the broker URL leads to a pooler in transaction mode (PgBouncer). Publishing works through it, but "
                "consuming needs LISTEN and session locks: give workers a URL that leads to PostgreSQL itself"
            )
    finally:
        other.close()


def _backend_pid(conn: Connection) -> int:
    with conn.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone() or (0,)
        return int(pid)
