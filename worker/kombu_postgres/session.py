"""A consumer's connection to the database: prepared statements, notifications, and the sign that it waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kombu_postgres import database, statements
from kombu_postgres.keeper import Identity

T = TypeVar("T")


class Session:
    """Belongs to one identity at a time. Whatever raises `database.ERRORS` closes it; it is not opened again."""

    def __init__(self, parameters: Mapping[str, Any], identity: Identity) -> None:
        self.identity = identity
        self.waiting = False
        """The consumer says that it waits: publishers notify it."""
        self._conn = database.connect(parameters)
        try:
            with self._conn.cursor() as cursor:
                cursor.execute(statements.PLAN_BY_INDEX)
                cursor.execute(statements.PLAN_ONCE)
                for name, (types, statement) in statements.PREPARED.items():
                    cursor.execute(f"PREPARE {name} ({types}) AS {statement}")
                cursor.execute(f"LISTEN {identity.channel}")
        except BaseException:
            self.close()
            raise

    @property
    def lives(self) -> bool:
        return not self._conn.closed

    def fileno(self) -> int:
        """Return the socket that becomes readable when a notification arrives."""
        return self._conn.fileno()

    def close(self) -> None:
        database.close(self._conn)

    def prepared(self, name: str, *values: object) -> list[Any]:
        """Run one of `statements.PREPARED`, whose first parameter is the consumer."""
        placeholders = ", ".join(["%s"] * (len(values) + 1))

        def run() -> list[Any]:
            with self._conn.cursor() as cursor:
                cursor.execute(f"EXECUTE {name} ({placeholders})", (self.identity.consumer_id, *values))
                return cursor.fetchall()

        return self._guarded(run)

    def execute(self, statement: str, **values: object) -> list[Any]:
        """Run any other statement."""
        return self._guarded(lambda: database.execute(self._conn, statement, **values))

    def hear(self) -> set[str]:
        """Return why the consumer was notified since the last time."""
        self._guarded(self._conn.poll)
        reasons = {notification.payload for notification in self._conn.notifies}
        self._conn.notifies.clear()
        return reasons

    def start_waiting(self) -> None:
        """Ask publishers for notifications; what they committed before may have to be looked up once more."""
        self.execute(statements.START_WAITING, consumer_id=self.identity.consumer_id)
        self.waiting = True

    def stop_waiting(self) -> None:
        """Have publishers notify others instead."""
        if self.waiting:
            self.waiting = False
            self.execute(statements.STOP_WAITING, consumer_id=self.identity.consumer_id)

    def adopt(self, identity: Identity) -> None:
        """Work for another identity from now on."""
        self.stop_waiting()
        self.execute(f"UNLISTEN {self.identity.channel}; LISTEN {identity.channel}")
        self.identity = identity

    def _guarded(self, run: Callable[[], T]) -> T:
        try:
            return run()
        except database.ERRORS:
            self.close()
            raise
