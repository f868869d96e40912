"""Connections to the database, which belong to the process that made them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2 import extensions

from kombu_postgres import schema
from kombu_postgres.statements import pyformat

Connection = extensions.connection

ERRORS: tuple[type[Exception], ...] = (psycopg2.OperationalError, psycopg2.InterfaceError)
"""What is raised when the database cannot be reached; any other error is one of the statement."""

_connections: weakref.WeakSet[Connection] = weakref.WeakSet()
_inherited: list[Connection] = []


def connect(parameters: Mapping[str, Any]) -> Connection:
    """Connect, in autocommit, and make the tables when they are missing; raises ERRORS and SchemaError."""
    conn: Connection = psycopg2.connect(**parameters)
    _connections.add(conn)
    try:
        with conn, conn.cursor() as cursor:
            schema.ensure(cursor)
        conn.autocommit = True
    except BaseException:
        conn.close()
        raise
    return conn


def execute(conn: Connection, statement: str, **values: object) -> list[Any]:
    """Run a statement and return its rows, none when it returns none."""
    with conn.cursor() as cursor:
        cursor.execute(pyformat(statement), values)
        return cursor.fetchall() if cursor.description else []


def lives(conn: Connection | None) -> bool:
    """Tell whether a connection was not found broken so far."""
    return conn is not None and not conn.closed


def close(conn: Connection | None) -> None:
    """Close a connection, if it is not closed already."""
    if conn is not None and not conn.closed:
        conn.close()


def _leave_to_parent() -> None:
    """Give up the connections of the parent, in a forked child.

    Closing them properly would end the parent's sessions, and keeping their sockets open would keep the server from
    seeing when the parent dies. So each socket is replaced by /dev/null, and the objects are kept for ever: nothing
    that is sent through them goes anywhere.
    """
    for conn in list(_connections):
        if not conn.closed:
            _inherited.append(conn)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, conn.fileno(), inheritable=False)
            os.close(null)
    _connections.clear()


os.register_at_fork(after_in_child=_leave_to_parent)


def display(url: str) -> str:
    """Return a URL's parts that may be shown, in libpq's words."""
    shown = {
        name: value for name, value in extensions.parse_dsn(url).items() if name in {"host", "port", "dbname", "user"}
    }
    return " ".join(f"{name}={value}" for name, value in shown.items())
