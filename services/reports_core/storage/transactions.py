"""Transactions of the storage functions: after the commit, whoever waits for their messages is woken.

Before the commit there is nothing to wake for, and in the same transaction it must not be: a notifying commit holds a
lock that is global to the cluster, and the wake-up has to look for waiting workers in a later snapshot. So a queue adds
its wake-ups to the connection, and the transaction fires them; a queue that is used on any other connection fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import asyncpg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from kombu_postgres import Wakeup
from kombu_postgres.sqlalchemy import fire

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_OPTION = "fna_reports_wakeups"
_DEADLOCK_DETECTED = "40P01"
_DEADLOCKS = 3
_WITHOUT_THE_DISK = text("SET LOCAL synchronous_commit = off")


class InTransaction(Protocol):
    """Runs a storage function in a transaction of its own and returns its result."""

    def __call__(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T: ...


def commit_without_the_disk(conn: Connection) -> None:
    """Let the commit of this transaction not wait for the disk: a crash of PostgreSQL may lose what nobody misses."""
    conn.execute(_WITHOUT_THE_DISK)


class Wakeups:
    """What one transaction has to fire after its commit."""

    def __init__(self) -> None:
        self.total = Wakeup()

    def add(self, wakeup: Wakeup) -> None:
        self.total += wakeup


def wakeups_of(conn: Connection) -> Wakeups:
    """Return the wake-ups of the connection's transaction; raises LookupError for one that nobody would fire."""
    wakeups = conn.get_execution_options().get(_OPTION)
    if not isinstance(wakeups, Wakeups):
        raise LookupError("messages are put into the queue in a transaction of storage.transactions only")
    return wakeups


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction, which is committed at the end; then wake who waits for its messages."""
    wakeups = Wakeups()
    with engine.begin() as conn:
        yield conn.execution_options(**{_OPTION: wakeups})
    if wakeups.total:
        try:
            with engine.begin() as conn:
                fire(conn, wakeups.total)
        except SQLAlchemyError as error:
            _complain(error)


class Database:
    """The storage functions for callers on an event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one storage function in a transaction of its own and return its result, as `transaction` does.

        One that PostgreSQL undid to end a deadlock is run again.
        """
        for _ in range(_DEADLOCKS):
            try:
                return await self._run(function, *args, **kwargs)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _DEADLOCK_DETECTED:
                    raise
                logger.info("%s is run again after a deadlock", function.__name__)
        return await self._run(function, *args, **kwargs)

    async def _run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        wakeups = Wakeups()
        async with self._engine.begin() as conn:
            told = await conn.execution_options(**{_OPTION: wakeups})
            try:
                result = await told.run_sync(lambda sync: function(sync, *args, **kwargs))
            except TimeoutError:
                # The path to the database may be dead: whoever came next would wait on this connection for as long.
                await conn.invalidate()
                raise
        if wakeups.total:
            try:
                async with self._engine.begin() as conn:
                    await conn.run_sync(lambda sync: fire(sync, wakeups.total))
            except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _complain(error)
        return result


def _complain(error: Exception) -> None:
    """Say that nobody was woken: the messages are committed, and workers find them by themselves a little later."""
    logger.warning("could not wake workers for new messages: %s", error)
