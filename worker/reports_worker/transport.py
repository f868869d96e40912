"""Kombu's SQLAlchemy transport, on the worker's event loop."""

from __future__ import annotations

from queue import Empty
from typing import Any

from kombu.transport import virtual
from kombu.transport.sqlalchemy import Transport as SqlAlchemyTransport
from sqlalchemy.exc import DBAPIError, PendingRollbackError


class Transport(SqlAlchemyTransport):
    """Looks for messages ten times a second; a lost connection, however it shows, is made again.

    With an event loop a worker's children have a pipe each. Without one they share a pipe under a lock, and a child
    that is killed while it waits takes the lock along: its worker would hang for ever.
    """

    implements = virtual.Transport.implements.extend(asynchronous=True)

    # A worker whose prefetch window is full takes its next message at a poll; kombu's second would be its pace.
    polling_interval = 0.1
    # A connection that broke in the middle of a statement also shows as InterfaceError, or in the commit that follows.
    connection_errors: tuple[type[Exception], ...] = (DBAPIError, PendingRollbackError)  # type: ignore[assignment]  # wider

    _poll_timer: Any = None

    def establish_connection(self) -> Any:
        """Connect for real: kombu's connects at the first statement, so that Celery would retry without a pause."""
        connection = super().establish_connection()  # type: ignore[no-untyped-call]  # kombu has no types there
        with self._avail_channels[-1].session.get_bind().connect():
            return connection

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Poll on the loop's timer until the connection is closed."""
        self._poll_timer = loop.call_repeatedly(self.polling_interval, self._poll)

    def close_connection(self, connection: Any) -> None:
        """Close, and stop polling: every reconnection has a transport of its own, the loop stays."""
        if self._poll_timer is not None:
            self._poll_timer.cancel()
        super().close_connection(connection)  # type: ignore[no-untyped-call]  # kombu has no types there

    def _poll(self) -> None:
        """Deliver what waits and fits into the prefetch window."""
        try:
            while True:
                self.cycle.get(self._deliver)  # type: ignore[union-attr]  # kombu sets it when it connects
        except Empty:
            return
