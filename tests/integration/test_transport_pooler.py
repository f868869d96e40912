"""Through PgBouncer publishers publish; consumers refuse a pooler that gives every transaction another session."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import kombu
import psycopg2
import pytest
from kombu import Queue

from kombu_postgres import PoolerError, publish
from tests.support import pgbouncer
from tests.support.transport import QUEUE, SECONDS, Tables, connection, consuming, is_notified, message

pytestmark = pytest.mark.skipif(not pgbouncer.is_available(), reason="there is no PgBouncer on this machine")
REMEDY = "give workers a URL that leads to PostgreSQL itself"
PUBLISHERS = 8
EACH = 25


@pytest.fixture
def pooled_url(empty_database_url: str, tables: Tables) -> Iterator[str]:
    """Give the same database through a PgBouncer in transaction mode."""
    with pgbouncer.pooled(empty_database_url) as url:
        yield url


def test_publishers_work_side_by_side(pooled_url: str, tables: Tables) -> None:
    barrier = threading.Barrier(PUBLISHERS)

    def publish_some(number: int) -> None:
        with connection(pooled_url) as broker:
            producer = broker.Producer()
            barrier.wait(SECONDS)
            for n in range(EACH):
                producer.publish("x", routing_key=f"{number}.{n}")

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        for done in [pool.submit(publish_some, number) for number in range(PUBLISHERS)]:
            done.result()
    assert tables.count("(SELECT DISTINCT queue FROM kombu_message) AS queues") == PUBLISHERS * EACH


def test_publishing_leaves_nothing_in_the_sessions_of_others(pooled_url: str, tables: Tables) -> None:
    with connection(pooled_url) as broker:
        broker.Producer().publish("x", routing_key=QUEUE, priority=3)
        broker.Producer().publish("x", routing_key=QUEUE, headers={"fairness_key": "key"})
    with contextlib.closing(psycopg2.connect(pooled_url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        assert cursor.fetchall() == []
        cursor.execute("SELECT setting, reset_val FROM pg_settings WHERE source = 'session' AND name LIKE 'plan%'")
        assert cursor.fetchall() == []


def test_a_publisher_behind_the_pooler_wakes_a_consumer_in_front_of_the_database(
    empty_database_url: str, pooled_url: str
) -> None:
    with consuming(empty_database_url) as consumer, connection(pooled_url) as broker:
        while consumer.is_wanted(room=True):
            assert consumer.receive([QUEUE], 1, 0) == []
        broker.Producer().publish("x", routing_key=QUEUE)
        assert is_notified(consumer)
        assert len(consumer.receive([QUEUE], 1, 0)) == 1


def test_a_caller_publishes_in_its_own_transaction_through_the_pooler(pooled_url: str, tables: Tables) -> None:
    with contextlib.closing(psycopg2.connect(pooled_url)) as caller:
        wakeup = publish(caller, [message(), message()])
        caller.commit()
        wakeup.fire(caller)
    assert tables.count("kombu_message") == 2


def test_tables_are_made_through_the_pooler(empty_database_url: str) -> None:
    with pgbouncer.pooled(empty_database_url) as url, connection(url) as broker:
        broker.Producer().publish("x", routing_key=QUEUE)
    with Tables(empty_database_url) as tables:
        assert tables.count("kombu_message") == 1


def test_a_consumer_refuses_and_says_what_to_do_each_time_it_is_tried(pooled_url: str, tables: Tables) -> None:
    with (
        connection(pooled_url) as broker,
        broker.channel() as channel,
        kombu.Consumer(channel, [Queue(QUEUE)], callbacks=[pytest.fail]),
    ):
        for _ in range(2):
            with pytest.raises(PoolerError, match=REMEDY) as raised:
                broker.drain_events(timeout=1)
            assert not isinstance(raised.value, broker.connection_errors)
    assert tables.count("kombu_consumer") == 0


def test_getting_a_single_message_refuses_too(pooled_url: str, tables: Tables) -> None:
    tables.publish(message())
    with connection(pooled_url) as broker, broker.channel() as channel, pytest.raises(PoolerError, match=REMEDY):
        channel.basic_get(QUEUE)


def test_a_pooler_that_works_by_session_is_accepted(empty_database_url: str, tables: Tables) -> None:
    with pgbouncer.pooled(empty_database_url, mode="session") as url, connection(url) as broker:
        queue = broker.SimpleQueue(QUEUE)
        queue.put("hello")
        received = queue.get(timeout=SECONDS)
        received.ack()
        assert received.payload == "hello"
    assert tables.count("kombu_message") == 0
