"""The brokers that are compared, each as its documentation says to set it up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg2
from celery import Celery

from benchmarks.brokers import packages, servers
from benchmarks.brokers.bulk import publish_in_bulk

OURS = "kombu_postgres"
SQLALCHEMY = "sqla+postgresql"
PGMQ = "pgmq"
REDIS = "redis"
RABBITMQ = "rabbitmq"

Settings = dict[str, Any]


def _nothing(url: str) -> None:
    """Need nothing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A broker, and how Celery is told to use it on a server with a given URL."""

    name: str
    server: servers.Start
    broker: Callable[[str], Settings]
    result_backend: Callable[[str], str]
    # What has to be in the database before the first connection; raises NotMeasured.
    prepare: Callable[[str], None] = _nothing
    # The longest pause between two looks for messages: single messages come at random times within it.
    poll_seconds: float = 0.0
    # Given the program, the broker's URL, a task and how many; None where there is no such thing.
    publish_in_bulk: Callable[[Celery, str, str, int], None] | None = None


def _with_driver(url: str) -> str:
    """Name psycopg2: a bare URL means psycopg 3 to SQLAlchemy."""
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


def _celery_database_backend(url: str) -> str:
    return f"db+{_with_driver(url)}"


def _install_pgmq(url: str) -> None:
    """Make pgmq's objects with the SQL in its own package, meant for servers that lack the extension."""
    script = (packages.provide() / "pgmq" / "sql" / "pgmq.sql").read_text()
    with contextlib.closing(psycopg2.connect(url)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(script)


CANDIDATES = (
    Candidate(
        name=OURS,
        server=servers.postgres,
        broker=lambda url: {"broker_url": url, "broker_transport": "kombu_postgres:Transport"},
        result_backend=lambda url: f"reports_worker.results:PostgresqlBackend+{_with_driver(url)}",
        publish_in_bulk=publish_in_bulk,
    ),
    Candidate(
        name=SQLALCHEMY,
        server=servers.postgres,
        broker=lambda url: {"broker_url": f"sqla+{_with_driver(url)}"},
        result_backend=_celery_database_backend,
        poll_seconds=1.0,
    ),
    Candidate(
        name=PGMQ,
        server=servers.postgres,
        broker=lambda url: {
            "broker_url": url.replace("postgresql://", "pgmq://", 1),
            "broker_transport_options": {"init_extension": False},
        },
        result_backend=_celery_database_backend,
        prepare=_install_pgmq,
        poll_seconds=1.0,
    ),
    Candidate(
        name=REDIS,
        server=servers.redis,
        broker=lambda url: {"broker_url": url},
        result_backend=lambda url: url,
    ),
    Candidate(
        name=RABBITMQ,
        server=servers.rabbitmq,
        broker=lambda url: {"broker_url": url},
        result_backend=lambda url: "rpc://",
    ),
)
