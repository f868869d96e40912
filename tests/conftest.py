"""Gives tests databases of their own, on one PostgreSQL server for the whole run."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from reports_dev.postgres import EmbeddedPostgres
from tests.conformance import rabbitmq
from tests.support.databases import Databases
from tests.support.shared_server import SharedServer, ask_for_url

# A server to use instead of the embedded one, as a user that may create databases.
SERVER_URL = "FNA_REPORTS_TEST_DATABASE_URL"
# Set here for the processes that pytest-xdist starts.
SHARED_POSTGRES = "FNA_REPORTS_TEST_SHARED_POSTGRES"
RUN = "FNA_REPORTS_TEST_RUN"


def pytest_configure(config: pytest.Config) -> None:
    """Prepare what the processes of the run share, in the one that starts the others."""
    if hasattr(config, "workerinput"):
        return
    os.environ[RUN] = secrets.token_hex(4)
    # Nobody here uses gRPC in a forked child, and what it does there before the program begins can end the child.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    if url := os.environ.get(SERVER_URL):
        config.add_cleanup(Databases(url, os.environ[RUN]).drop_all)
    else:
        share(config, SHARED_POSTGRES, postgres)
    if rabbitmq.SERVER_URL not in os.environ and rabbitmq.is_available():
        share(config, rabbitmq.SHARED, rabbitmq.server)


def share(config: pytest.Config, variable: str, start: Callable[[], AbstractContextManager[str]]) -> None:
    """Tell the processes of the run, in an environment variable, where to ask for a server."""
    shared = SharedServer(start)
    os.environ[variable] = shared.address
    config.add_cleanup(shared.close)


@contextmanager
def postgres() -> Iterator[str]:
    """Run an embedded PostgreSQL; its data is not worth the wait for the disk."""
    with EmbeddedPostgres(durable=False) as server:
        yield server.url


def pytest_report_header() -> list[str]:
    """Name what tests run on that may be absent: the brokers' reference, the browser, and psql."""
    from tests.conformance import brokers  # noqa: PLC0415 - tests of other folders load nothing of kombu
    from tests.support import chromium  # noqa: PLC0415 - nor of selenium

    psql = shutil.which("psql") or "none, so docs/debugging.md is tested without its commands that need it"
    return [brokers.report_header(), chromium.report_header(), f"psql: {psql}"]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests in a browser where there is none; the header says so."""
    from tests.support import chromium  # noqa: PLC0415 - as above

    return True if collection_path.name.startswith("test_dashboard") and not chromium.is_wanted() else None


def shared_server_url() -> str:
    """Return the URL of the server of this run, which starts now unless it did before."""
    return os.environ.get(SERVER_URL) or ask_for_url(os.environ[SHARED_POSTGRES])


@pytest.fixture(scope="session")
def databases() -> Databases:
    """Give the databases of this run."""
    return Databases(shared_server_url(), os.environ[RUN])


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """Give this test a migrated database of its own."""
    from reports_core.storage import migrations  # noqa: PLC0415 - tests without a database load nothing of it

    with databases.migrated(migrations.upgrade) as url:
        yield url


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """Give this test a database of its own without any tables."""
    with databases.empty() as url:
        yield url
