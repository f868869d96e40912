"""How queues look from outside, on a connection of SQLAlchemy: on psycopg2, or on asyncpg under `run_sync`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from kombu_postgres import statements


@dataclass(frozen=True, slots=True)
class Backlog:
    """The messages of a queue: those that are due and nobody's, and those that consumers have.

    `oldest_age` is how long the oldest of the visible ones has been due, None when there is none.
    """

    queue: str
    visible: int
    claimed: int
    oldest_age: timedelta | None


@dataclass(frozen=True, slots=True)
class RegisteredConsumer:
    """A consumer that has signed on and not off; its last sign of life holds until `lease_until`."""

    host: str
    pid: int
    queues: tuple[str, ...]
    alive: bool
    registered_at: datetime
    lease_until: datetime


def backlogs(conn: Connection, queues: Sequence[str], *, most: int) -> list[Backlog]:
    """Return what is in these queues, in their order; no figure counts beyond `most`."""
    rows = conn.execute(text(statements.BACKLOG), {"queues": list(queues), "most": most})
    return [Backlog(row.queue, row.visible, row.claimed, row.oldest_age) for row in rows]


def consumers(conn: Connection, queues: Sequence[str], *, most: int) -> list[RegisteredConsumer]:
    """Return the consumers of any of these queues, the newest first, at most so many."""
    rows = conn.execute(text(statements.CONSUMERS), {"queues": list(queues), "most": most})
    return [
        RegisteredConsumer(row.host, row.pid, tuple(row.queues), row.alive, row.registered_at, row.lease_until)
        for row in rows
    ]
