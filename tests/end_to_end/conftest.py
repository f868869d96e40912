"""Gives the tests of one module a running server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reports_core.storage import migrations
from tests.support.databases import Databases
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def stack(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a server with a database of its own, and no worker and no gateway."""
    with (
        databases.migrated(migrations.upgrade) as url,
        Stack(url, tmp_path_factory.mktemp("stack")) as stack,
    ):
        stack.start_server()
        yield stack
