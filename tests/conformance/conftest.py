"""One suite of what Celery expects of its broker, the same tests on each of several.

`rabbitmq` is the reference: a test that it fails expects too much. It takes part where it is installed, or where
FNA_REPORTS_TEST_RABBITMQ_URL names a server; pytest's header says when it does not. `postgresql` is ours, on the
PostgreSQL of the test run. `memory` is kombu's own, whose queues live in the process, and takes part in what needs
no server: `without` says of the other tests why.

The tests named for kombu use its connections directly, in the synchronous loop of `drain_events`; those named for
Celery use the worker processes of `deployment.py`, which run `program.py`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection, Producer, pools

from tests.conformance import brokers, rabbitmq
from tests.conformance.brokers import Broker
from tests.conformance.deployment import DEFAULTS, LATE, Deployment
from tests.support.databases import Databases
from tests.support.shared_server import ask_for_url


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "without(broker, reason): the test does not run on that broker")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a broker on each that it is not `without`."""
    if "broker" in metafunc.fixturenames:
        excluded = {mark.args[0] for mark in metafunc.definition.iter_markers("without")}
        names = [name for name in brokers.available() if name not in excluded]
        metafunc.parametrize("broker", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """Give the RabbitMQ of the run, which its processes share."""
    return os.environ.get(rabbitmq.SERVER_URL) or ask_for_url(os.environ[rabbitmq.SHARED])


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Give the broker that the test runs on; ours has a database of its own."""
    with contextlib.ExitStack() as resources:
        match request.param:
            case brokers.MEMORY:
                broker = Broker(brokers.MEMORY, "memory://")
            case brokers.RABBITMQ:
                broker = Broker(brokers.RABBITMQ, request.getfixturevalue("rabbitmq_url"))
            case brokers.POSTGRESQL:
                databases: Databases = request.getfixturevalue("databases")
                url = resources.enter_context(databases.empty())
                broker = Broker(brokers.POSTGRESQL, url, "kombu_postgres:Transport")
        # Celery's applications leave their connections open.
        resources.callback(pools.reset)
        yield broker


@pytest.fixture
def connection(broker: Broker) -> Iterator[Connection]:
    """Give a connection that is closed after the test."""
    with broker.connect() as connection:
        yield connection


@pytest.fixture
def other_connection(broker: Broker) -> Iterator[Connection]:
    """Give a second connection, as that of another process."""
    with broker.connect() as connection:
        yield connection


@pytest.fixture
def producer(connection: Connection) -> Producer:
    """Give a producer that publishes JSON."""
    return Producer(connection.default_channel, serializer="json")


@pytest.fixture
def name() -> str:
    """Give a name that nothing else at the broker has."""
    return uuid4().hex


@pytest.fixture(scope="session")
def result_backend(databases: Databases) -> Iterator[str]:
    """Give the same result backend to the workers of all brokers."""
    from reports_core.storage import migrations  # noqa: PLC0415 - tests without a database load nothing of it

    with databases.migrated(migrations.upgrade) as url:
        yield f"reports_worker.results:PostgresqlBackend+postgresql+psycopg2{url.removeprefix('postgresql')}"


@pytest.fixture(scope="session", params=["defaults", "late"])
def manner(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give Celery's defaults, and then late acknowledgement of one task at a time."""
    return {"defaults": DEFAULTS, "late": LATE}[request.param]


@pytest.fixture(scope="session")
def deployment(
    broker: Broker, manner: dict[str, Any], result_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Give an application with one worker of two processes, which tests leave as they found it."""
    with Deployment(broker, result_backend, tmp_path_factory.mktemp("worker"), **manner) as deployment:
        deployment.start_worker("--concurrency=2", "--without-mingle")
        yield deployment
