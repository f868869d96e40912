"""Every client passes every scenario."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports_core.storage import migrations
from tests.clients.drivers import KINDS, Kind
from tests.clients.engine import play
from tests.clients.environment import Product
from tests.support.databases import Databases
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)

SCENARIOS = sorted(Path(__file__).with_name("scenarios").glob("*.json"))


@pytest.fixture(scope="module")
def product(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with (
        databases.migrated(migrations.upgrade) as url,
        Stack(url, tmp_path_factory.mktemp("clients")) as stack,
        Product(stack) as product,
    ):
        yield product


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_client_does_as_the_scenario_says(kind: Kind, path: Path, product: Product, tmp_path: Path) -> None:
    play(json.loads(path.read_text()), kind, product, tmp_path)
