"""Hearing of stored results."""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg2
from psycopg2.extensions import connection

from reports_worker.results import statements
from reports_worker.results.connections import Connections, execute
from reports_worker.results.errors import DatabaseUnreachable


class Announcements:
    """Listens on a connection of its own while somebody waits, and at no other time: who stores pays for it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._waiters = 0
        self._conn: connection | None = None
        self._lent = ExitStack()
        self._is_pooled = False

    @property
    def are_heard(self) -> bool:
        """Whether each result that is stored from now on is announced here."""
        return self._conn is not None

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Keep listening, once `begin` was called, until the last of those who entered has left."""
        with self._lock:
            self._waiters += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiters -= 1
                if not self._waiters:
                    self._end()

    def begin(self) -> bool:
        """Listen if somebody wants to and nobody does yet; tell whether that has begun.

        What was stored before is announced to nobody, so it has to be read after. Raises DatabaseUnreachable.
        """
        with self._lock:
            if self._conn is None and self._waiters and not self._is_pooled:
                self._conn = self._listen()
                return self.are_heard
            return False

    def wait(self, seconds: float) -> set[str]:
        """Wait for announcements and return the ids of their tasks; raises DatabaseUnreachable."""
        conn = self._conn
        if conn is None:
            time.sleep(seconds)
            return set()
        try:
            # An answer to a statement may have brought some along.
            if not conn.notifies and _is_readable(conn, seconds):
                conn.poll()
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            with self._lock:
                self._end()
            raise DatabaseUnreachable(str(error).strip()) from error
        announced = {notification.payload for notification in conn.notifies}
        conn.notifies.clear()
        return announced

    def _listen(self) -> connection | None:
        with ExitStack() as stack:
            conn = stack.enter_context(self._connections.use())
            (server,) = execute(conn, statements.SERVER_PID)
            if server["pid"] != conn.get_backend_pid():
                self._is_pooled = True
                return None
            execute(conn, statements.START_WAITING)
            self._lent = stack.pop_all()
        return conn

    def _end(self) -> None:
        conn, self._conn = self._conn, None
        if conn is None:
            return
        with self._lent:
            try:
                execute(conn, statements.STOP_WAITING)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                # Whether it still listens is not known, so it must not go on.
                conn.close()


def _is_readable(conn: connection, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(conn, selectors.EVENT_READ)
        return bool(selector.select(seconds))
