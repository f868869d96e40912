"""What integration tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.object_store import Bucket, ObjectStore
from tests.support.server import Client, running
from tests.support.storage import Store
from tests.support.transport import Tables, connection


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Give this test the storage on a database of its own."""
    with Store(database_url) as store:
        yield store


@pytest_asyncio.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """Give this test a client of a server on its database."""
    async with running(database_url, tmp_path) as client:
        yield client


@pytest.fixture(scope="module")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Give the tests of one module a server that speaks S3."""
    with ObjectStore(tmp_path_factory.mktemp("object-store")) as store:
        yield store


@pytest.fixture
def bucket(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Give an empty bucket that the environment of this process leads to."""
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    return object_store.new_bucket()


@pytest.fixture
def tables(empty_database_url: str) -> Iterator[Tables]:
    """Give the tables of `kombu_postgres`, which a first connection has made, in a database of their own."""
    with connection(empty_database_url) as broker:
        broker.connect()
    with Tables(empty_database_url) as tables:
        yield tables
