"""A consumer that waits is woken by whoever publishes, in whatever order the two act, and nobody else is woken.

All backstops are off: a wake-up that is lost leaves its message in the queue for ever.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu import Consumer as KombuConsumer
from kombu import Queue
from kombu.asynchronous import Hub
from psycopg2 import extensions

from kombu_postgres.consumer import Consumer
from kombu_postgres.options import connection_parameters
from kombu_postgres.publishing import publish
from tests.support.transport import (
    QUEUE,
    SECONDS,
    UNAIDED,
    Tables,
    connection,
    consumer_of,
    consuming,
    is_notified,
    message,
)
from tests.support.waiting import eventually

# The consumer looks, says that it waits, and claims once more; the publisher commits, then tells who waits.
LOOK, WAIT, CLAIM, COMMIT, TELL = "look", "wait", "claim", "commit", "tell"
ORDERS = [
    order
    for order in itertools.permutations((LOOK, WAIT, CLAIM, COMMIT, TELL))
    if order.index(LOOK) < order.index(WAIT) < order.index(CLAIM) and order.index(COMMIT) < order.index(TELL)
]


def consumed(consumer: Consumer) -> list[str]:
    """Have a consumer with room for more work until it sleeps; return the tags of what it got."""
    tags = []
    while consumer.is_wanted(room=True):
        tags += [delivery.tag for delivery in consumer.receive([QUEUE], 10, 10)]
    return tags


class Notifications:
    """What consumers are sent, heard by a session beside theirs."""

    def __init__(self, url: str) -> None:
        self._tables = Tables(url)
        for (channel,) in self._tables.rows("SELECT channel FROM kombu_consumer"):
            self._tables.rows(f"LISTEN {channel}")
        self._tables.rows("LISTEN that_was_all")

    def close(self) -> None:
        self._tables.connection.close()

    def take(self, tables: Tables) -> list[str]:
        """Return the channels of all that was sent until now."""
        # Notifications arrive in the order of the commits that sent them.
        tables.rows("NOTIFY that_was_all")
        heard = self._tables.connection.notifies
        while not heard or heard[-1].channel != "that_was_all":
            readable, _, _ = select.select([self._tables.connection], [], [], SECONDS)
            assert readable, "no notification arrives at all"
            self._tables.connection.poll()
        channels = [notification.channel for notification in heard[:-1]]
        heard.clear()
        return channels


def stepping(before: Callable[[str], None]) -> type[extensions.cursor]:
    """Return cursors that tell of each step of a consumer before they take it."""

    class Cursor(extensions.cursor):
        def execute(self, query: Any, values: Any = None) -> None:
            if "kombu_consumer.waiting" in query and "pg_advisory_lock" in query:
                before(WAIT)
            elif query.startswith("EXECUTE kombu_claim"):
                before(CLAIM)
            super().execute(query, values)

    return Cursor


class Meeting:
    """A publisher that acts between the steps of a consumer."""

    def __init__(self, url: str, tables: Tables, order: tuple[str, ...]) -> None:
        self._publisher = tables.connection
        self._publisher.autocommit = False
        self._left = list(order)
        self._wakeup = publish(self._publisher, [message()])
        parameters = {**connection_parameters(url), "cursor_factory": stepping(self._let_publisher_act)}
        self.consumer = consumer_of(parameters)
        self.consumer.subscribe([QUEUE], [])

    def act_until(self, step: str | None) -> None:
        """Let the publisher do what comes before the step, or all that is left."""
        while self._left and self._left[0] != step:
            self._act(self._left.pop(0))
        del self._left[:1]

    def _let_publisher_act(self, step: str) -> None:
        self.act_until(LOOK if LOOK in self._left else step)

    def _act(self, step: str) -> None:
        if step == COMMIT:
            self._publisher.commit()
        elif step == TELL:
            self._wakeup.fire(self._publisher)


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_no_wakeup_is_lost_whoever_comes_first(empty_database_url: str, tables: Tables, order: tuple[str, ...]) -> None:
    meeting = Meeting(empty_database_url, tables, order)
    with contextlib.closing(meeting.consumer) as consumer:
        received = consumed(consumer)
        meeting.act_until(None)
        if not received:
            assert is_notified(consumer)
            received = consumed(consumer)
        assert len(received) == 1


def wait_in(consumer: Consumer) -> None:
    assert consumed(consumer) == []


@contextlib.contextmanager
def waiting(url: str, count: int) -> Iterator[list[Consumer]]:
    """Yield so many consumers that all wait for messages of the queue."""
    with contextlib.ExitStack() as stack:
        consumers = [stack.enter_context(consuming(url)) for _ in range(count)]
        for consumer in consumers:
            wait_in(consumer)
        yield consumers


def notifications_of(url: str, tables: Tables, act: Callable[[], None]) -> list[str]:
    """Return the channels on which something was sent while acting."""
    with contextlib.closing(Notifications(url)) as notifications:
        act()
        return notifications.take(tables)


def test_nobody_is_notified_when_nobody_waits(empty_database_url: str, tables: Tables) -> None:
    with consuming(empty_database_url) as busy, connection(empty_database_url) as broker:
        busy.receive([QUEUE], 1, 0)
        sent = notifications_of(
            empty_database_url, tables, lambda: broker.Producer().publish("hello", routing_key=QUEUE)
        )
        assert sent == []


def test_a_consumer_without_room_is_not_notified(empty_database_url: str, tables: Tables) -> None:
    with connection(empty_database_url, **UNAIDED) as broker, broker.channel() as channel:
        channel.basic_qos(0, 1, False)
        received: list[object] = []
        with KombuConsumer(channel, [Queue(QUEUE)], on_message=received.append):
            publish_one(empty_database_url)
            broker.drain_events(timeout=SECONDS)
            with contextlib.suppress(TimeoutError):
                broker.drain_events(timeout=0.001)
            sent = notifications_of(empty_database_url, tables, lambda: publish_one(empty_database_url))
            assert (len(received), sent) == (1, [])


def publish_one(url: str) -> None:
    with connection(url) as publisher:
        publisher.Producer().publish("hello", routing_key=QUEUE)


def test_a_consumer_of_other_queues_is_not_notified(empty_database_url: str, tables: Tables) -> None:
    with consuming(empty_database_url, "another queue") as consumer:
        while consumer.is_wanted(room=True):
            consumer.receive(["another queue"], 1, 0)
        assert notifications_of(empty_database_url, tables, lambda: publish_one(empty_database_url)) == []


@pytest.mark.parametrize("count", [1, 2])
def test_hardly_more_consumers_are_notified_than_there_are_messages(
    empty_database_url: str, tables: Tables, count: int
) -> None:
    def act() -> None:
        tables.publish(*[message()] * count).fire(tables.connection)

    with waiting(empty_database_url, 6):
        sent = notifications_of(empty_database_url, tables, act)
        assert len(sent) == len(set(sent)) == count + 1


def test_a_batch_notifies_a_consumer_once(empty_database_url: str, tables: Tables) -> None:
    def act() -> None:
        tables.publish(*[message()] * 100).fire(tables.connection)

    with waiting(empty_database_url, 2):
        sent = notifications_of(empty_database_url, tables, act)
        assert len(sent) == len(set(sent)) == 2


def test_what_is_put_back_wakes_another_consumer_that_waits(empty_database_url: str, tables: Tables) -> None:
    with consuming(empty_database_url) as first, consuming(empty_database_url) as second:
        tables.publish(message())
        (delivery,) = first.receive([QUEUE], 1, 0)
        wait_in(second)
        first.requeue([delivery.tag])
        assert is_notified(second)
        assert len(consumed(second)) == 1


def test_every_reader_of_a_stream_is_notified_of_its_own(empty_database_url: str, tables: Tables) -> None:
    with (
        consuming(empty_database_url, streams=("one", "another")) as reader,
        consuming(empty_database_url, streams=("a third",)) as other,
    ):
        reader.receive([], 0, 10)
        other.receive([], 0, 10)
        tables.publish(message("for one", queue="one"), message("for another", queue="another")).fire(tables.connection)
        assert is_notified(reader)
        assert sorted(delivery.queue for delivery in reader.receive([], 0, 10)) == ["another", "one"]
        assert not is_notified(other, seconds=0)


def test_a_wakeup_that_is_fired_after_the_commit_wakes_a_thread_that_drains(
    empty_database_url: str, tables: Tables
) -> None:
    with connection(empty_database_url, **UNAIDED) as broker, broker.channel() as channel:
        received: list[object] = []
        with KombuConsumer(channel, [Queue(QUEUE)], on_message=received.append):
            thread = threading.Thread(target=broker.drain_events, kwargs={"timeout": SECONDS})
            thread.start()
            eventually(
                lambda: any(map(tables.is_waiting, tables.consumers())), SECONDS, "the consumer's sign that it waits"
            )
            tables.publish(message()).fire(tables.connection)
            thread.join()
            assert len(received) == 1


def test_a_wakeup_that_is_fired_after_the_commit_wakes_an_event_loop(empty_database_url: str, tables: Tables) -> None:
    hub = Hub()
    with connection(empty_database_url, **UNAIDED) as broker, broker.channel() as channel:
        channel.basic_qos(0, 1, False)
        received: list[Any] = []
        with KombuConsumer(channel, [Queue(QUEUE)], on_message=received.append):
            broker.register_with_event_loop(hub)
            run(hub, lambda: any(map(tables.is_waiting, tables.consumers())))
            for expected in (1, 2):
                tables.publish(message()).fire(tables.connection)
                run(hub, lambda expected=expected: len(received) == expected)  # type: ignore[misc]  # of the default
                received[-1].ack()
    hub.close()


def run(hub: Hub, condition: Callable[[], bool]) -> None:
    """Run an event loop until the condition holds."""
    # The loop sleeps for a second at most, see kombu.
    eventually(lambda: hub.run_once() or condition(), SECONDS, "what the loop was to do")
