"""The databases that tests get: `tests/support/databases.py` on a real server."""

import secrets
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from tests.conftest import shared_server_url
from tests.support.databases import Databases


@pytest.fixture
def own_databases() -> Iterator[Databases]:
    """Give databases of a run of their own, so that their template is not that of the other tests."""
    databases = Databases(shared_server_url(), f"nested_{secrets.token_hex(4)}")
    yield databases
    databases.drop_all()


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url, connect_timeout=10)
    with closing(connection), connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_migrated_database_is_a_copy_of_a_template_that_is_made_once(own_databases: Databases) -> None:
    upgrades = []

    def upgrade(url: str) -> None:
        upgrades.append(url)
        execute(url, "CREATE TABLE migrated (id int)")

    for _ in range(2):
        with own_databases.migrated(upgrade) as url:
            assert execute(url, "SELECT * FROM migrated") == []
            execute(url, "INSERT INTO migrated VALUES (1)")
    assert len(upgrades) == 1


def test_a_template_is_made_again_after_a_migration_failed(own_databases: Databases) -> None:
    def fail(url: str) -> None:
        execute(url, "CREATE TABLE half (id int)")
        raise ValueError(url)

    with pytest.raises(ValueError, match="postgresql://"), own_databases.migrated(fail):
        pass
    with own_databases.migrated(lambda url: None) as url:
        assert execute(url, "SELECT to_regclass('half')") == [(None,)]


def test_a_database_is_dropped_even_while_somebody_is_connected(own_databases: Databases) -> None:
    with own_databases.empty() as url:
        connection = psycopg2.connect(url)
    with closing(connection), pytest.raises(psycopg2.OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        psycopg2.connect(url)


def test_an_empty_database_has_no_tables(empty_database_url: str) -> None:
    assert execute(empty_database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
