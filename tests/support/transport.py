"""The transport on a database of a test: connections as applications have them, consumers step by step, the tables.

`python -m tests.support.transport` is the process of a `Worker`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import kombu
import psycopg2
from kombu import Queue
from psycopg2 import extensions

from kombu_postgres import Message, Wakeup, publish
from kombu_postgres.consumer import Consumer
from kombu_postgres.options import Options, connection_parameters
from kombu_postgres.silence import Silence
from kombu_postgres.statements import pyformat
from reports_dev.output import FileOutput
from reports_dev.processes import Process
from tests.support.waiting import eventually

QUEUE = "work"
SECONDS = 10.0
UNAIDED: dict[str, Any] = {"patrol_seconds": 1000.0, "lease_seconds": 4000.0}
"""Options without a backstop: nothing is found unless it is notified or looked for at the right moment."""
WATCHFUL: dict[str, Any] = {"patrol_seconds": 0.1, "lease_seconds": 25.0}
"""Options with which a consumer looks after the others all the time."""

_ROOT = Path(__file__).parents[2]
_HOLDERS = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock' AND objid = :consumer_id
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid::bigint = hashtext(current_schema() || '.kombu_consumer.' || :lock)::bigint & 4294967295
"""


def with_parameters(url: str, **parameters: str) -> str:
    """Return the URL with these connection parameters of libpq."""
    query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    return urlsplit(url)._replace(query=query).geturl()


def connection(url: str, **options: float) -> kombu.Connection:
    """Return a connection through our transport, which is made when it is first used."""
    return kombu.Connection(url, transport="kombu_postgres:Transport", transport_options=options)


def message(body: str = "hello", queue: str = QUEUE, **headers: object) -> Message:
    """Return a message as kombu writes it."""
    return Message.of(
        queue,
        {
            "body": body,
            "content-type": "text/plain",
            "content-encoding": "utf-8",
            "headers": headers,
            "properties": {"delivery_info": {"exchange": "", "routing_key": queue}, "priority": 0},
        },
    )


class Tables:
    """The tables, through a session beside those of the transport; each statement is a transaction of its own."""

    def __init__(self, url: str) -> None:
        self.connection: extensions.connection = psycopg2.connect(url)
        self.connection.autocommit = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.connection.close()

    def rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Run a statement, whose parameters are written `:name`."""
        with self.connection.cursor() as cursor:
            cursor.execute(pyformat(statement), values)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, **values: object) -> Any:
        ((value,),) = self.rows(statement, **values)
        return value

    def count(self, table: str, condition: str = "true", **values: object) -> int:
        return int(self.value(f"SELECT count(*) FROM {table} WHERE {condition}", **values))  # noqa: S608 - a test's own words

    def publish(self, *messages: Message) -> Wakeup:
        """Publish and commit, and leave it to the test to wake consumers."""
        return publish(self.connection, messages)

    def consumers(self) -> list[int]:
        """Return the ids of the consumers that are not lost, the oldest first."""
        return [number for (number,) in self.rows("SELECT id FROM kombu_consumer WHERE lost_at IS NULL ORDER BY id")]

    def shows_alive(self, consumer_id: int) -> bool:
        return bool(self.value(_HOLDERS, consumer_id=consumer_id, lock="alive"))

    def is_waiting(self, consumer_id: int) -> bool:
        return bool(self.value(_HOLDERS, consumer_id=consumer_id, lock="waiting"))

    def sessions(self, application_name: str) -> list[int]:
        """Return the backends of this database that have the name."""
        statement = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = :name"
        return [pid for (pid,) in self.rows(statement, name=application_name)]

    def terminate(self, application_name: str) -> None:
        """End all sessions of the name as an administrator does, and return when they have ended."""
        pids = self.sessions(application_name)
        self.rows("SELECT pg_terminate_backend(pid) FROM unnest(CAST(:pids AS int[])) AS pid", pids=pids)
        eventually(
            lambda: not self.count("pg_stat_activity", "pid = ANY (:pids)", pids=pids), SECONDS, "the sessions' end"
        )

    def declare_lost(self, consumer_id: int) -> None:
        """Do to a consumer what others do when it shows no life."""
        self.rows("UPDATE kombu_consumer SET lost_at = now() WHERE id = :consumer_id", consumer_id=consumer_id)


@contextlib.contextmanager
def consuming(url: str, *queues: str, streams: Sequence[str] = (), **options: Any) -> Iterator[Consumer]:
    """Yield a consumer, of one queue unless told otherwise, that does nothing but what the test has it do."""
    consumer = consumer_of(connection_parameters(url), **options)
    consumer.subscribe(queues or [QUEUE], streams)
    with contextlib.closing(consumer):
        yield consumer


def consumer_of(parameters: Mapping[str, Any], **options: float) -> Consumer:
    """Return a consumer with these connection parameters, which the test closes."""
    return Consumer(parameters, Options.of(UNAIDED | options), lambda: None, Silence())


def is_notified(consumer: Consumer, seconds: float = SECONDS) -> bool:
    """Wait for a notification and have the consumer read it; False when none comes within the seconds."""
    descriptor = consumer.fileno()
    assert descriptor is not None, "the consumer has no session"
    readable, _, _ = select.select([descriptor], [], [], seconds)
    consumer.listen()
    return bool(readable)


class Worker:
    """A process that takes one message of the queue at a time and keeps it until it is told to acknowledge.

    Its sessions have the name `worker`.
    """

    NAME = "worker"

    def __init__(self, url: str, folder: Path, **options: float) -> None:
        self._folder = folder
        self._log = folder / "worker.log"
        self.process = Process(
            "worker",
            [sys.executable, "-m", "tests.support.transport"],
            output=FileOutput(self._log),
            environment=os.environ
            | {
                "PYTHONPATH": os.pathsep.join([str(_ROOT), *(path for path in sys.path if path)]),
                _JOB: json.dumps(
                    {"url": with_parameters(url, application_name=self.NAME), "options": options, "folder": str(folder)}
                ),
            },
            folder=folder,
        )

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()

    def output(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until it has printed this."""
        eventually(lambda: text in self.output(), SECONDS, f"{text!r} in {self.output()!r}")

    def ack(self) -> None:
        """Have it acknowledge what it has."""
        (self._folder / "ack").touch()


_JOB = "FNA_REPORTS_TEST_JOB"


def _work(url: str, options: Mapping[str, float], folder: Path) -> None:
    import logging  # noqa: PLC0415 - of the process alone

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    messages: list[kombu.Message] = []

    def receive(message: kombu.Message) -> None:
        print("received", message.payload, flush=True)
        messages.append(message)

    with connection(url, **options) as broker:
        channel = broker.channel()
        channel.basic_qos(0, 1, False)
        with kombu.Consumer(channel, [Queue(QUEUE)], on_message=receive, auto_declare=False):
            while True:
                with contextlib.suppress(TimeoutError):
                    broker.drain_events(timeout=0.1)
                if (folder / "ack").exists():
                    (folder / "ack").unlink()
                    while messages:
                        messages.pop().ack()
                    print("acknowledged", flush=True)


if __name__ == "__main__":
    job = json.loads(os.environ[_JOB])
    _work(job["url"], job["options"], Path(job["folder"]))
