"""Rows of messages that are done go away, and a claim writes as little as it can."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kombu_postgres.consumer import Consumer
from tests.support.transport import QUEUE, SECONDS, Tables, connection, consuming, message
from tests.support.waiting import eventually

MESSAGES = 200


@pytest.fixture
def tables(empty_database_url: str) -> Iterator[Tables]:
    """Give the tables, which a first connection has made and nobody but the transport vacuums."""
    with connection(empty_database_url) as broker:
        broker.connect()
    with Tables(empty_database_url) as tables:
        for table in ("kombu_message", "kombu_claim"):
            tables.rows(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        yield tables


def work(consumer: Consumer, tables: Tables, at_once: int = 100) -> None:
    """Publish messages, and have them claimed and acknowledged."""
    tables.publish(*[message()] * MESSAGES)
    consumer.look()
    while deliveries := consumer.receive([QUEUE], at_once, 0):
        for delivery in deliveries:
            consumer.ack(delivery.tag)
        consumer.look()
    consumer.settle()


def test_the_transport_vacuums_what_it_leaves_behind(empty_database_url: str, tables: Tables) -> None:
    vacuumed = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = :table"
    with consuming(empty_database_url, patrol_seconds=0.1, vacuum_after_rows=MESSAGES) as consumer:

        def are_vacuumed() -> bool:
            work(consumer, tables)
            return all(tables.value(vacuumed, table=table) for table in ("kombu_message", "kombu_claim"))

        eventually(are_vacuumed, SECONDS, "the vacuum of both tables")


def deleted(tables: Tables) -> int:
    """Return how many messages were deleted; a session tells its statistics when it ends, or seconds late."""
    return int(tables.value("SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'kombu_message'"))


def vacuums(tables: Tables) -> int:
    return int(tables.value("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'kombu_message'"))


def test_vacuuming_pauses_while_an_old_transaction_makes_it_useless(empty_database_url: str, tables: Tables) -> None:
    with (
        Tables(empty_database_url) as old,
        consuming(empty_database_url, patrol_seconds=0.1, vacuum_after_rows=MESSAGES) as consumer,
    ):
        old.rows("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM kombu_message")
        rounds = 0
        while not vacuums(tables):
            work(consumer, tables)
            rounds += 1
        for _ in range(60):
            work(consumer, tables)
    eventually(lambda: deleted(tables) == (rounds + 60) * MESSAGES, SECONDS, "the statistics of the deletions")
    # Each of the sixty rounds leaves enough for one; the first ones may not show yet that they are useless.
    assert vacuums(tables) <= 3


def test_few_dead_rows_are_left_alone(empty_database_url: str, tables: Tables) -> None:
    with consuming(empty_database_url, patrol_seconds=0.05) as consumer:
        work(consumer, tables)
    eventually(lambda: deleted(tables) == MESSAGES, SECONDS, "the statistics of the deletions")
    assert vacuums(tables) == 0


def test_most_claims_need_no_new_entries_in_the_indexes(empty_database_url: str, tables: Tables) -> None:
    counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'kombu_message'"
    with consuming(empty_database_url) as consumer:
        for _ in range(5):
            work(consumer, tables, at_once=1)
    eventually(lambda: tables.rows(counted)[0][0] == 5 * MESSAGES, SECONDS, f"{5 * MESSAGES} updates")
    ((updated, hot),) = tables.rows(counted)
    # Nearly all, were it not for snapshots of others, such as autovacuum's, that keep a page full for a moment.
    assert hot > 0.6 * updated
