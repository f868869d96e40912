"""Databases for single tests, copied from a template that is migrated once per run."""

import contextlib
import secrets
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the type, beside variables of that name

# Any number; the processes of a run make the template one at a time.
_TEMPLATE_LOCK = 7_241_130_551


class Databases:
    """The databases of one test run on one server; all their names begin with the run's prefix."""

    def __init__(self, server_url: str, run: str) -> None:
        self._server_url = server_url
        self._prefix = f"fna_test_{run}"
        self._template = f"{self._prefix}_template"

    @contextlib.contextmanager
    def empty(self) -> Iterator[str]:
        """Yield the URL of a new database without any tables, and drop it afterwards."""
        with self._database("template0") as url:
            yield url

    @contextlib.contextmanager
    def migrated(self, upgrade: Callable[[str], None]) -> Iterator[str]:
        """Yield the URL of a new database with the application's tables, and drop it afterwards."""
        self._require_template(upgrade)
        with self._database(self._template) as url:
            yield url

    def drop_all(self) -> None:
        """Drop what the run has left."""
        with self._administration() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (self._prefix,))
            for (name,) in cursor.fetchall():
                _drop(cursor, name)

    @contextlib.contextmanager
    def _database(self, template: str) -> Iterator[str]:
        name = f"{self._prefix}_{secrets.token_hex(6)}"
        with self._administration() as cursor:
            _create(cursor, name, template)
        try:
            yield self._url_of(name)
        finally:
            with self._administration() as cursor:
                _drop(cursor, name)

    def _require_template(self, upgrade: Callable[[str], None]) -> None:
        with self._administration() as cursor:
            # The lock ends with the session.
            cursor.execute("SELECT pg_advisory_lock(%s)", (_TEMPLATE_LOCK,))
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self._template,))
            if cursor.fetchone() is None:
                self._make_template(cursor, upgrade)

    def _make_template(self, cursor: Cursor, upgrade: Callable[[str], None]) -> None:
        unfinished = f"{self._template}_unfinished"
        _drop(cursor, unfinished)
        _create(cursor, unfinished, "template0")
        upgrade(self._url_of(unfinished))
        names = sql.Identifier(unfinished), sql.Identifier(self._template)
        # A template that somebody is connected to cannot be copied.
        cursor.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(names[0]))
        cursor.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))

    def _url_of(self, name: str) -> str:
        return urlsplit(self._server_url)._replace(path=f"/{name}").geturl()

    @contextlib.contextmanager
    def _administration(self) -> Iterator[Cursor]:
        connection = psycopg2.connect(self._server_url, connect_timeout=30)
        with contextlib.closing(connection):
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor


def _create(cursor: Cursor, name: str, template: str) -> None:
    cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))


def _drop(cursor: Cursor, name: str) -> None:
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
