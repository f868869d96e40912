"""The connection of a transport for everything but claims: publishing, declaring, counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2.extensions import TRANSACTION_STATUS_IDLE, cursor

from kombu_postgres import database, statements
from kombu_postgres.database import Connection
from kombu_postgres.message import Message
from kombu_postgres.publishing import Wakeup, insertion
from kombu_postgres.statements import pyformat


class Publisher:
    """Every statement is a transaction of its own; a connection that broke is made anew by the next one.

    All methods may raise `database.ERRORS`.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._conn: Connection | None = None
        self._prepares = False

    def connect(self) -> Connection:
        """Return the connection, made if need be."""
        if self._conn is None or self._conn.closed:
            self._conn = database.connect(self._parameters)
            self._prepare(self._conn)
        return self._conn

    def close(self) -> None:
        database.close(self._conn)

    def execute(self, statement: str, **values: object) -> list[Any]:
        """Return the rows of a statement; the number of rows it touched, as a row, when it returns none."""
        with self.connect().cursor() as cursor:
            cursor.execute(pyformat(statement), values)
            return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]

    def publish(self, messages: Sequence[Message]) -> None:
        """Insert messages, commit, and wake who waits for them: in that order, with one round trip."""
        conn = self.connect()
        wakeup = Wakeup.of(messages)
        try:
            with conn.cursor() as cursor:
                insert = self._insert(cursor, messages)
                cursor.execute(b"BEGIN;" + insert + b";COMMIT;" + self._wake(cursor, wakeup) if wakeup else insert)
        finally:
            if not conn.closed and conn.info.transaction_status != TRANSACTION_STATUS_IDLE:
                conn.rollback()

    def _insert(self, cursor: cursor, messages: Sequence[Message]) -> bytes:
        statement, values = insertion(messages)
        if self._prepares and statement is statements.INSERT:
            return cursor.mogrify("EXECUTE kombu_insert (%s, %s, %s, %s, %s, %s)", tuple(values.values()))
        return cursor.mogrify(pyformat(statement), values)

    def _wake(self, cursor: cursor, wakeup: Wakeup) -> bytes:
        if self._prepares:
            return cursor.mogrify("EXECUTE kombu_wake (%s, %s, %s)", tuple(wakeup.parameters().values()))
        return cursor.mogrify(pyformat(statements.WAKE), wakeup.parameters())

    def _prepare(self, conn: Connection) -> None:
        """Prepare what runs once per message, unless a pooler stands between: see `pooler`."""
        with conn.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._prepares = cursor.fetchone() == (conn.info.backend_pid,)
            if self._prepares:
                for name, (types, statement) in statements.PREPARED_FOR_PUBLISHING.items():
                    cursor.execute(f"PREPARE {name} ({types}) AS {statement}")
                cursor.execute(f"{statements.PLAN_ONCE}; SET jit = off")
