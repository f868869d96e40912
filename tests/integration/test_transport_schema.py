"""The tables are made by whoever connects first, and by nobody twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from kombu_postgres import SchemaError, schema
from tests.support.transport import QUEUE, SECONDS, Tables, connection, with_parameters

ROOT = Path(__file__).parents[2]
PROCESSES = 8
TABLES = "kombu_binding kombu_claim kombu_consumer kombu_exchange kombu_message kombu_queue kombu_schema".split()
# What kombu's own transport for SQL databases makes, with a message in it.
KOMBU_SQLALCHEMY = """
    CREATE TABLE kombu_queue (id serial PRIMARY KEY, name varchar(200) UNIQUE);
    CREATE TABLE kombu_message (
        id serial PRIMARY KEY, visible boolean, timestamp timestamp, payload text NOT NULL, version smallint NOT NULL,
        queue_id int REFERENCES kombu_queue
    );
    INSERT INTO kombu_message (visible, payload, version) VALUES (true, '{}', 1);
"""
CONNECT = """
import sys
from tests.support.transport import connection
sys.stdin.readline()
with connection(sys.argv[1]) as broker:
    broker.connect()
    broker.Producer().publish("hello", routing_key="work")
"""


@pytest.fixture
def tables(empty_database_url: str) -> Iterator[Tables]:
    """Give the database, which has no tables yet."""
    with Tables(empty_database_url) as tables:
        yield tables


def names(tables: Tables, in_schema: str = "public") -> list[str]:
    found = tables.rows("SELECT tablename FROM pg_tables WHERE schemaname = :s ORDER BY 1", s=in_schema)
    return [name for (name,) in found]


def connect(url: str) -> None:
    with connection(url) as broker:
        broker.connect()


def test_the_first_connection_makes_the_tables(empty_database_url: str, tables: Tables) -> None:
    connect(empty_database_url)
    assert names(tables) == TABLES
    assert tables.rows("SELECT version FROM kombu_schema") == [(schema.VERSION,)]


def test_later_connections_change_nothing(empty_database_url: str, tables: Tables) -> None:
    connect(empty_database_url)
    catalog = "SELECT oid, relfilenode, reloptions FROM pg_class WHERE relname LIKE 'kombu%' ORDER BY 1"
    before = tables.rows(catalog)
    connect(empty_database_url)
    assert tables.rows(catalog) == before


def test_eight_processes_that_come_at_once_make_them_together(empty_database_url: str, tables: Tables) -> None:
    path = os.pathsep.join([str(ROOT), *(folder for folder in sys.path if folder)])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CONNECT, empty_database_url],
            stdin=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        with process:
            assert process.wait(3 * SECONDS) == 0
    assert tables.rows("SELECT version FROM kombu_schema") == [(schema.VERSION,)]
    assert tables.count("kombu_message") == PROCESSES


def test_tables_of_a_newer_release_are_refused(empty_database_url: str, tables: Tables) -> None:
    connect(empty_database_url)
    tables.rows("INSERT INTO kombu_schema VALUES (:version)", version=schema.VERSION + 1)
    with pytest.raises(SchemaError, match="upgrade kombu_postgres"):
        connect(empty_database_url)


def test_a_table_of_kombus_sqlalchemy_transport_is_refused_and_left_alone(
    empty_database_url: str, tables: Tables
) -> None:
    tables.rows(KOMBU_SQLALCHEMY)
    before = names(tables)
    with pytest.raises(SchemaError, match="drop its tables kombu_message and kombu_queue once they are empty"):
        connect(empty_database_url)
    assert names(tables) == before
    assert tables.count("kombu_message") == 1


def test_two_schemas_of_one_database_do_not_disturb_each_other(empty_database_url: str, tables: Tables) -> None:
    urls = []
    for name in ("one", "two"):
        tables.rows(f"CREATE SCHEMA {name}")
        urls.append(with_parameters(empty_database_url, options=f"-csearch_path={name}"))
    with connection(urls[0]) as first, connection(urls[1]) as second:
        of_first, of_second = first.SimpleQueue(QUEUE), second.SimpleQueue(QUEUE)
        for queue, text in ((of_first, "for one"), (of_second, "for two")):
            queue.put(text)
        assert of_second.get(timeout=SECONDS).payload == "for two"
        assert of_first.get(timeout=SECONDS).payload == "for one"
        assert (of_first.qsize(), of_second.qsize()) == (0, 0)
        # Both are the first consumer of their schema: locks and channels must differ nevertheless.
        assert tables.rows("SELECT id FROM one.kombu_consumer") == tables.rows("SELECT id FROM two.kombu_consumer")
        channels = tables.rows("SELECT channel FROM one.kombu_consumer UNION SELECT channel FROM two.kombu_consumer")
        assert len(channels) == 2
    assert names(tables) == []
    assert names(tables, "one") == names(tables, "two") == TABLES


def test_a_user_who_may_not_make_tables_can_use_them(empty_database_url: str, tables: Tables) -> None:
    connect(empty_database_url)
    role = f"plain_{os.urandom(6).hex()}"
    tables.rows(f"CREATE ROLE {role} LOGIN PASSWORD 'throw-away'")
    try:
        tables.rows("REVOKE CREATE ON SCHEMA public FROM public")
        tables.rows(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        tables.rows(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}")
        with connection(as_user(empty_database_url, role)) as broker:
            queue = broker.SimpleQueue(QUEUE)
            queue.put("hello")
            received = queue.get(timeout=SECONDS)
            received.ack()
            assert received.payload == "hello"
    finally:
        tables.rows(f"DROP OWNED BY {role}")
        tables.rows(f"DROP ROLE {role}")


def test_a_user_who_may_not_make_tables_is_told_so(empty_database_url: str, tables: Tables) -> None:
    role = f"plain_{os.urandom(6).hex()}"
    tables.rows(f"CREATE ROLE {role} LOGIN PASSWORD 'throw-away'")
    try:
        tables.rows("REVOKE CREATE ON SCHEMA public FROM public")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            connect(as_user(empty_database_url, role))
    finally:
        tables.rows(f"DROP ROLE {role}")


def as_user(url: str, role: str) -> str:
    return f"postgresql://{role}:throw-away@{url.rpartition('@')[2]}"
