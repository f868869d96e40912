"""The connections of one process to the result database."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg2
from kombu.utils.functional import retry_over_time
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, connection, make_dsn, parse_dsn

from reports_worker.results.errors import DatabaseUnreachable
from reports_worker.results.schema import REMEDIES

logger = logging.getLogger(__name__)

T = TypeVar("T")
Row = dict[str, Any]
Execute = Callable[..., list[Row]]
"""Executes one statement with its parameters, given by name, and returns the rows."""

# libpq's parameters, each of which the URL can set. A host that vanishes is noticed within half a minute or so.
_DEFAULTS = {
    "fallback_application_name": "celery-results",
    "client_encoding": "utf8",
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_IDLE_LIMIT = 4


class Connections:
    """Connections that are made when needed, kept, and replaced when they break.

    Each is used by one thread at a time. Every statement is a transaction of its own, unless it says otherwise.
    """

    def __init__(self, url: str, retry_policy: Mapping[str, Any]) -> None:
        # As SQLAlchemy writes it, too.
        libpq_url = re.sub(r"^postgres(ql)?(\+psycopg2)?://", "postgresql://", url)
        self._dsn = make_dsn(**(_DEFAULTS | parse_dsn(libpq_url)))
        self._retry_policy = retry_policy
        self._idle: list[connection] = []
        self._open: set[connection] = set()

    def execute(self, statement: str, **parameters: Any) -> list[Row]:
        """Execute a statement that may run twice: again, if the connection breaks, as often as the policy says."""
        return self.insist(lambda: self.attempt(statement, **parameters))

    def attempt(self, statement: str, **parameters: Any) -> list[Row]:
        """Execute a statement once; raises DatabaseUnreachable."""
        with self.use() as conn:
            return execute(conn, statement, **parameters)

    def insist(self, function: Callable[[], T]) -> T:
        """Call a function that may run twice: again, if it raises DatabaseUnreachable, as often as the policy says."""
        result: T = retry_over_time(function, DatabaseUnreachable, errback=_explain, **self._retry_policy)
        return result

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        """Give what executes statements in one transaction; raises DatabaseUnreachable."""
        with self.use() as conn:
            execute(conn, "BEGIN")
            yield lambda statement, **parameters: _execute(conn, statement, parameters)
            execute(conn, "COMMIT")

    @contextmanager
    def use(self) -> Iterator[connection]:
        """Lend a connection; raises DatabaseUnreachable when there is none, or when it breaks."""
        conn = self.take()
        try:
            yield conn
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            if conn.closed:
                raise DatabaseUnreachable(str(error).strip()) from error
            raise
        finally:
            self.give_back(conn)

    def take(self) -> connection:
        """Return a connection that nobody else uses until it is given back; raises DatabaseUnreachable."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def give_back(self, conn: connection) -> None:
        """Take a connection back; what it left undone is undone."""
        if not conn.closed and conn.info.transaction_status != TRANSACTION_STATUS_IDLE:
            _roll_back(conn)
        if conn.closed:
            self._open.discard(conn)
            # What broke one has most likely broken those that were idle, and each would cost a retry.
            self._close_idle()
        elif len(self._idle) < _IDLE_LIMIT:
            self._idle.append(conn)
        else:
            self._close(conn)

    def close(self) -> None:
        """Close what is not in use."""
        self._close_idle()

    def abandon(self) -> None:
        """Forget the connections of the process that forked this one, without a word to the server.

        A message would end sessions that the parent still uses; a descriptor that stays open would keep the server
        from seeing the parent's end.
        """
        nowhere = os.open(os.devnull, os.O_RDWR)
        for conn in self._open:
            if not conn.closed:
                os.dup2(nowhere, conn.fileno(), inheritable=False)
        os.close(nowhere)
        self._open.clear()
        self._idle.clear()

    def _connect(self) -> connection:
        try:
            conn = psycopg2.connect(self._dsn)
        except psycopg2.OperationalError as error:
            raise DatabaseUnreachable(str(error).strip()) from error
        conn.autocommit = True
        self._open.add(conn)
        return conn

    def _close_idle(self) -> None:
        while self._idle:
            self._close(self._idle.pop())

    def _close(self, conn: connection) -> None:
        self._open.discard(conn)
        conn.close()


def execute(conn: connection, statement: str, **parameters: Any) -> list[Row]:
    """Execute on this connection and return the rows; makes tables and columns that are missing."""
    for _ in REMEDIES:
        try:
            return _execute(conn, statement, parameters)
        except tuple(REMEDIES) as missing:
            _roll_back(conn)
            _execute(conn, REMEDIES[type(missing)], {})
    return _execute(conn, statement, parameters)


def _execute(conn: connection, statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    with conn.cursor() as cursor:
        cursor.execute(statement, parameters)
        if cursor.description is None:
            return []
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _roll_back(conn: connection) -> None:
    # psycopg2's own does nothing on a connection that commits each statement.
    try:
        _execute(conn, "ROLLBACK", {})
    except (psycopg2.OperationalError, psycopg2.InterfaceError):
        conn.close()


def _explain(error: Exception, intervals: Iterator[float], _retries: int) -> float:
    seconds = next(intervals)
    logger.warning("the result database is unreachable, trying again in %g s: %s", seconds, error)
    return seconds
