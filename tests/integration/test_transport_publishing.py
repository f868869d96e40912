"""Messages are part of the transaction that publishes them, on psycopg2 and on SQLAlchemy."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import psycopg2
import pytest
import pytest_asyncio
from psycopg2 import extensions
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from kombu_postgres import Message, Wakeup, publish
from kombu_postgres import sqlalchemy as on_sqlalchemy
from kombu_postgres.consumer import Consumer
from tests.support.transport import QUEUE, Tables, consuming, is_notified, message

BULK = 10_000


@pytest.fixture
def psycopg2_connection(empty_database_url: str, tables: Tables) -> Iterator[extensions.connection]:
    """Give a connection of the caller's own."""
    with contextlib.closing(psycopg2.connect(empty_database_url)) as caller:
        yield caller


@pytest.fixture
def engine(empty_database_url: str, tables: Tables) -> Iterator[Engine]:
    """Give SQLAlchemy on psycopg2."""
    engine = create_engine(empty_database_url.replace("postgresql://", "postgresql+psycopg2://"))
    yield engine
    engine.dispose()


@pytest_asyncio.fixture
async def async_engine(empty_database_url: str, tables: Tables) -> AsyncIterator[AsyncEngine]:
    """Give SQLAlchemy on asyncpg."""
    engine = create_async_engine(empty_database_url.replace("postgresql://", "postgresql+asyncpg://"))
    yield engine
    await engine.dispose()


@pytest.fixture
def waiting(empty_database_url: str, tables: Tables) -> Iterator[Consumer]:
    """Give a consumer that waits, and finds nothing unless it is notified."""
    with consuming(empty_database_url) as consumer:
        assert take(consumer) == []
        yield consumer


def take(consumer: Consumer) -> list[str]:
    """Have the consumer take all that it finds until it waits; return the bodies."""
    bodies = []
    while consumer.is_wanted(room=True):
        bodies += [delivery.raw()["body"] for delivery in consumer.receive([QUEUE], 100, 0)]
    return bodies


def bodies(tables: Tables) -> list[str]:
    return [json.loads(payload)["body"] for (payload,) in tables.rows("SELECT payload FROM kombu_message ORDER BY id")]


def test_a_message_is_there_when_the_caller_commits(
    psycopg2_connection: extensions.connection, tables: Tables, waiting: Consumer
) -> None:
    wakeup = publish(psycopg2_connection, [message("one"), message("two")])
    assert bodies(tables) == []
    psycopg2_connection.commit()
    assert bodies(tables) == ["one", "two"]
    wakeup.fire(psycopg2_connection)
    assert is_notified(waiting)
    assert take(waiting) == ["one", "two"]


def test_a_message_is_not_there_when_the_caller_rolls_back(
    psycopg2_connection: extensions.connection, tables: Tables
) -> None:
    publish(psycopg2_connection, [message("one")])
    psycopg2_connection.rollback()
    assert bodies(tables) == []


def test_a_message_shares_the_fate_of_what_the_caller_writes(
    psycopg2_connection: extensions.connection, tables: Tables
) -> None:
    tables.rows("CREATE TABLE own (id int PRIMARY KEY)")
    with psycopg2_connection.cursor() as cursor:
        cursor.execute("INSERT INTO own VALUES (1)")
        publish(psycopg2_connection, [message("one")])
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute("INSERT INTO own VALUES (1)")
    psycopg2_connection.rollback()
    assert (bodies(tables), tables.count("own")) == ([], 0)


def test_firing_leaves_no_transaction_open(psycopg2_connection: extensions.connection) -> None:
    wakeup = publish(psycopg2_connection, [message()])
    psycopg2_connection.commit()
    wakeup.fire(psycopg2_connection)
    assert psycopg2_connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE


def test_only_the_wakeup_itself_does_without_durability(psycopg2_connection: extensions.connection) -> None:
    with psycopg2_connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    wakeup = publish(psycopg2_connection, [message()])
    psycopg2_connection.commit()
    wakeup.fire(psycopg2_connection)
    with psycopg2_connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


def test_sqlalchemy_publishes_in_its_transaction(engine: Engine, tables: Tables, waiting: Consumer) -> None:
    with engine.connect() as caller:
        on_sqlalchemy.publish(caller, [message("taken back")])
        caller.rollback()
        wakeup = on_sqlalchemy.publish(caller, [message("one")])
        assert bodies(tables) == []
        caller.commit()
        on_sqlalchemy.fire(caller, wakeup)
        caller.commit()
    assert bodies(tables) == ["one"]
    assert is_notified(waiting)
    assert take(waiting) == ["one"]


async def test_asyncpg_publishes_in_its_transaction(
    async_engine: AsyncEngine, tables: Tables, waiting: Consumer
) -> None:
    async with async_engine.connect() as caller:
        await caller.run_sync(on_sqlalchemy.publish, [message("taken back")])
        await caller.rollback()
        wakeup = await caller.run_sync(on_sqlalchemy.publish, [message("one")])
        assert bodies(tables) == []
        await caller.commit()
        await caller.run_sync(on_sqlalchemy.fire, wakeup)
        await caller.commit()
    assert bodies(tables) == ["one"]
    assert is_notified(waiting)
    assert take(waiting) == ["one"]


BOTH = [message("one"), message("two", fairness_key="key", eta="2100-01-01T00:00:00+00:00")]


async def test_all_drivers_write_the_same_rows(
    psycopg2_connection: extensions.connection, engine: Engine, async_engine: AsyncEngine, tables: Tables
) -> None:
    columns = "queue, payload, priority, due_at, fairness_key, rank IS NULL, expires_at, message_id"
    written = []
    for messages in (BOTH, BOTH[:1]):
        publish(psycopg2_connection, messages)
        psycopg2_connection.commit()
        with engine.begin() as caller:
            on_sqlalchemy.publish(caller, messages)
        async with async_engine.begin() as async_caller:
            await async_caller.run_sync(on_sqlalchemy.publish, messages)
        rows = tables.rows(f"SELECT {columns} FROM kombu_message ORDER BY id")  # noqa: S608 - names of columns
        written.append([rows[n : n + len(messages)] for n in range(0, len(rows), len(messages))])
        tables.rows("DELETE FROM kombu_message")
    for first, second, third in written:
        assert first == second == third


async def test_ten_thousand_messages_are_published_with_one_statement(
    async_engine: AsyncEngine, psycopg2_connection: extensions.connection, tables: Tables, waiting: Consumer
) -> None:
    messages = [message(str(number)) for number in range(BULK)]
    publish(psycopg2_connection, messages)
    psycopg2_connection.rollback()
    async with async_engine.connect() as caller:
        wakeup = await caller.run_sync(on_sqlalchemy.publish, messages)
        await caller.commit()
        await caller.run_sync(on_sqlalchemy.fire, wakeup)
        await caller.commit()
    assert tables.count("kombu_message") == BULK
    assert is_notified(waiting)
    assert take(waiting) == [str(number) for number in range(BULK)]


def test_nothing_to_publish_needs_no_statement(psycopg2_connection: extensions.connection) -> None:
    wakeup = publish(psycopg2_connection, [])
    wakeup.fire_with(pytest.fail)  # type: ignore[arg-type]  # is never called
    assert not wakeup
    assert psycopg2_connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE


def test_wakeups_of_one_transaction_are_fired_together(
    psycopg2_connection: extensions.connection, waiting: Consumer
) -> None:
    wakeup = Wakeup()
    for queue in ("another", QUEUE, "another"):
        wakeup += publish(psycopg2_connection, [message("one", queue=queue)])
    psycopg2_connection.commit()
    wakeup.fire(psycopg2_connection)
    assert is_notified(waiting)
    assert take(waiting) == ["one"]


@pytest.mark.parametrize("text", ["%s %(name)s {}", "\\ ' \" ; --", "Größe 貸借 🏦", ":queue ::text"])
async def test_any_text_is_published_as_it_is(
    psycopg2_connection: extensions.connection, async_engine: AsyncEngine, tables: Tables, text: str
) -> None:
    one, two = message(text, queue=text, fairness_key=text), message(text, queue=text)
    publish(psycopg2_connection, [one])
    publish(psycopg2_connection, [two])
    psycopg2_connection.commit()
    async with async_engine.begin() as caller:
        await caller.run_sync(on_sqlalchemy.publish, [one])
        await caller.run_sync(on_sqlalchemy.publish, [two])
    assert set(tables.rows("SELECT queue, payload FROM kombu_message")) == {
        (text, one.payload),
        (text, two.payload),
    }


def test_a_zero_character_is_published_escaped(psycopg2_connection: extensions.connection, tables: Tables) -> None:
    publish(psycopg2_connection, [message("a\0b")])
    psycopg2_connection.commit()
    assert bodies(tables) == ["a\0b"]


def test_a_priority_out_of_range_is_refused_before_anything_is_published(
    psycopg2_connection: extensions.connection, tables: Tables
) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        publish(psycopg2_connection, [message(), Message(QUEUE, "{}", priority=10)])
    psycopg2_connection.rollback()
    assert bodies(tables) == []
