"""Gives tests of clients a system that really analyses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reports_core.storage import migrations
from tests.support.databases import Databases
from tests.support.stack import Stack, python_path


@pytest.fixture(scope="module")
def working_stack(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a server, a worker with the product's own processors, and a gateway."""
    with (
        databases.migrated(migrations.upgrade) as url,
        Stack(url, tmp_path_factory.mktemp("stack"), PYTHONPATH=python_path()) as stack,
    ):
        stack.start_server()
        stack.start_worker()
        stack.start_gateway()
        yield stack
