"""Transactions of the storage: whoever waits for messages is woken after the commit, on either driver."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from kombu import Connection as Broker
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from reports_core.storage import batches, dispatch, queue
from reports_core.storage.batches import NewBatch
from reports_core.storage.engine import async_engine
from reports_core.storage.queue import DatabaseQueue, Message
from reports_core.storage.transactions import Database, transaction
from tests.support.storage import OWNER, Store

DUE_AT = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def broker(database_url: str) -> Iterator[Broker]:
    """Give a connection to the queue as kombu has it."""
    with Broker(database_url, transport="kombu_postgres:Transport") as broker:
        yield broker


def messages(count: int = 1, *, due_at: datetime | None = None) -> list[Message]:
    batch_id, task_id = uuid4(), uuid4()
    return [queue.process_report(batch_id, task_id, position, uuid4(), 3, due_at) for position in range(count)]


def put(conn: Connection, new: list[Message]) -> None:
    DatabaseQueue().put(conn, queue.REPORT_QUEUE, new)


def test_kombu_reads_a_message_as_celery_would_have_sent_it(store: Store, broker: Broker) -> None:
    (message,) = messages()
    store.do(put, [message])
    with closing(broker.SimpleQueue(queue.REPORT_QUEUE)) as simple:
        received = simple.get(timeout=20)
        received.ack()
    assert received.headers["task"] == "reports.process_report"
    assert (received.headers["id"], received.headers["fairness_key"]) == (str(message.message_id), message.args[0])
    assert (received.properties["priority"], received.headers["eta"]) == (3, None)
    assert received.payload[0] == list(message.args)


def test_the_body_of_a_message_is_readable_in_the_table(store: Store) -> None:
    (message,) = messages()
    store.do(put, [message])
    (payload,) = store.rows("SELECT payload FROM kombu_message")[0]
    assert json.loads(json.loads(payload)["body"])[0] == list(message.args)


def test_a_message_that_is_due_later_waits_in_the_table(store: Store) -> None:
    store.do(put, messages(2, due_at=DUE_AT))
    assert store.rows("SELECT due_at FROM kombu_message") == [(DUE_AT,), (DUE_AT,)]


def test_whoever_waits_is_woken_after_the_commit(store: Store, database_url: str) -> None:
    """The poll is off, so only the wake-up can bring the message in time."""
    options = {"patrol_seconds": 3600, "lease_seconds": 4 * 3600}
    with (
        Broker(database_url, transport="kombu_postgres:Transport", transport_options=options) as broker,
        closing(broker.SimpleQueue(queue.REPORT_QUEUE)) as simple,
    ):
        with pytest.raises(simple.Empty):
            simple.get(timeout=0.2)
        store.do(put, messages())
        simple.get(timeout=20).ack()


def test_a_small_batch_overtakes_a_large_one_of_its_priority(store: Store) -> None:
    large, small = store.submit(200), store.submit(3)
    first = store.rows("SELECT fairness_key FROM kombu_message ORDER BY position LIMIT 10")
    assert first.count((str(small.batch_id),)) == 3
    assert first.count((str(large.batch_id),)) == 7


def test_a_batch_of_a_higher_priority_goes_before_all_others(store: Store) -> None:
    store.submit(20, priority=4)
    urgent = store.submit(5, priority=9)
    first = store.rows("SELECT fairness_key FROM kombu_message ORDER BY position LIMIT 5")
    assert first == [(str(urgent.batch_id),)] * 5


def test_messages_put_where_nobody_would_be_woken_are_refused(store: Store) -> None:
    with store.engine.begin() as conn, pytest.raises(LookupError, match=r"storage\.transactions"):
        put(conn, messages())


def test_a_transaction_that_fails_leaves_no_messages(store: Store) -> None:
    def fail(conn: Connection) -> None:
        put(conn, messages())
        raise LookupError

    with pytest.raises(LookupError):
        store.do(fail)
    assert store.count("kombu_message") == 0


def test_the_wake_ups_of_one_transaction_are_not_those_of_the_next(store: Store) -> None:
    with transaction(store.engine) as conn:
        put(conn, messages(3))
        put(conn, messages(2))
    with transaction(store.engine) as conn:
        put(conn, messages(1))
    assert store.waiting(queue.REPORT_QUEUE) == 6


@pytest.mark.parametrize("pooler", [False, True], ids=["direct", "for a pooler"])
async def test_the_server_puts_messages_through_asyncpg(store: Store, database_url: str, pooler: bool) -> None:
    engine = async_engine(
        database_url, pool_size=2, application_name="tests", statement_timeout_seconds=30, pooler=pooler
    )
    database = Database(engine)
    try:
        batch = await database.run(batches.submit, NewBatch(OWNER, store.reports(3), priority=9), store.queue)
        assert await database.run(dispatch.dispatch_execution, batch.task_id, store.queue) == 3
        await database.run(put, messages(2, due_at=datetime.now(UTC) + timedelta(hours=1)))
        await database.run(put, messages(1, due_at=DUE_AT))
        assert await database.run(store.queue.missing, queue.BATCH_QUEUE, [batch.task_id]) == set()
    finally:
        await engine.dispose()
    assert store.rows("SELECT queue, priority, count(*) FROM kombu_message GROUP BY 1, 2 ORDER BY 1, 2") == [
        ("batch_processing", 9, 1),
        ("report_processing", 3, 3),
        ("report_processing", 9, 3),
    ]


async def test_a_transaction_undone_by_a_deadlock_is_run_again(database_url: str) -> None:
    engine = async_engine(database_url, pool_size=2, application_name="tests", statement_timeout_seconds=30)
    both = asyncio.Barrier(2)
    begun: list[int] = []

    def lock(conn: Connection, first: int, second: int) -> int:
        begun.append(first)
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": first})
        if len(begun) <= 2:
            await_only(both.wait())
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": second})
        return first

    database = Database(engine)
    try:
        async with asyncio.timeout(20):
            one, two = await asyncio.gather(database.run(lock, 1, 2), database.run(lock, 2, 1))
    finally:
        await engine.dispose()
    assert (one, two, len(begun)) == (1, 2, 3)
