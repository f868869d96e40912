"""The PostgreSQL of one measurement, asked without leaving a trace in what is measured."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psycopg2

from reports_dev.postgres import EmbeddedPostgres
from reports_dev.waiting import holds_within

# What this module sends itself; it counts nowhere.
_MARK = "/* observer */"
_LOGGED_SECONDS = 10.0
_SWITCH = (
    "ALTER SYSTEM SET log_min_duration_statement = {milliseconds}",
    # Without the text of prepared statements, which would follow each of their executions.
    "ALTER SYSTEM SET log_error_verbosity = terse",
    "SELECT pg_reload_conf()",
)
_SETTING = "SELECT current_setting('log_min_duration_statement')"
_TRANSACTIONS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
_SIZE = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'kombu\\_%'"
_DEPTH = "SELECT count(*) FROM kombu_message WHERE queue = %s"
_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kombu_postgres'"
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \S+ \w+ \[\d+\] ", re.MULTILINE)
_STATEMENT = re.compile(r"LOG:  duration: ([\d.]+) ms  (?:statement|execute [^:]*): (.*)", re.DOTALL)
_CLAIM = "EXECUTE kombu_claim"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a session, with the server's own time for it."""

    milliseconds: float
    text: str


@dataclass(slots=True)
class Recording:
    """The statements of all sessions in a stretch of time; complete once the recording is over."""

    statements: list[Statement] = field(default_factory=list)

    @property
    def claims(self) -> list[float]:
        """Return the milliseconds of each claim."""
        return [statement.milliseconds for statement in self.statements if _CLAIM in statement.text]


class Server:
    """A server that runs while the context is entered: with stock settings, or faster where nothing is timed."""

    def __init__(self, *, durable: bool = True) -> None:
        self._postgres = EmbeddedPostgres(durable=durable)
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._resources.enter_context(self._postgres)
        self._connection = psycopg2.connect(self.url, application_name="observer")
        self._resources.callback(self._connection.close)
        self._connection.autocommit = True
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def url(self) -> str:
        """The URL of its database, for every broker connection."""
        return self._postgres.url

    def size(self) -> int:
        """Return the bytes of all tables of the queue, with their indexes and whatever else belongs to them."""
        return int(self._ask(_SIZE) or 0)

    def depth(self, queue: str) -> int:
        """Return how many messages of the queue are there, claimed or not."""
        return int(self._ask(_DEPTH, queue))

    def transactions(self) -> int:
        """Return how many transactions the database has seen; sessions report theirs a few seconds late."""
        return int(self._ask(_TRANSACTIONS))

    def analyze(self) -> None:
        """Renew the planner's statistics."""
        self._execute("ANALYZE")

    @contextlib.contextmanager
    def recording(self) -> Iterator[Recording]:
        """Have the server log every statement, and yield what it logs meanwhile."""
        recording = Recording()
        log: Path = self._postgres.folder / "server.log"
        self._log_statements(longer_than_milliseconds=0)
        begin = log.stat().st_size
        yield recording
        self._log_statements(longer_than_milliseconds=-1)
        with log.open("rb") as file:
            file.seek(begin)
            text = file.read().decode(errors="replace")
        recording.statements.extend(_statements(text))

    def _log_statements(self, *, longer_than_milliseconds: int) -> None:
        for statement in _SWITCH:
            self._execute(statement.format(milliseconds=longer_than_milliseconds))
        wanted = str(longer_than_milliseconds)
        if not holds_within(lambda: self._ask(_SETTING) == wanted, _LOGGED_SECONDS):
            raise TimeoutError("PostgreSQL did not reload its settings")

    def _ask(self, statement: str, *parameters: object) -> Any:
        (row,) = self._execute(statement, *parameters)
        return row[0]

    def _execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(f"{_MARK} {statement}", parameters or None)
            return cursor.fetchall() if cursor.description else []


def _statements(log: str) -> Iterator[Statement]:
    for record in _RECORD.split(log):
        match = _STATEMENT.match(record)
        if match and _MARK not in match[2]:
            yield Statement(float(match[1]), match[2])
