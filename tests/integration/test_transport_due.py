"""Messages for later wait in the table until PostgreSQL's clock says that they are due; what has expired goes away."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import kombu
import pytest
from kombu import Queue
from kombu.asynchronous import Hub

from kombu_postgres import Message, statements
from kombu_postgres.consumer import Consumer
from kombu_postgres.message import Delivery
from tests.support.transport import (
    QUEUE,
    SECONDS,
    UNAIDED,
    WATCHFUL,
    Tables,
    Worker,
    connection,
    consuming,
    message,
)
from tests.support.waiting import eventually

# An idle machine is 2 ms late.
LATE_SECONDS = 0.1


def due_in(tables: Tables, seconds: float) -> str:
    """Return a time by PostgreSQL's clock."""
    moment: datetime = tables.value("SELECT clock_timestamp()")
    return (moment + timedelta(seconds=seconds)).isoformat()


class Receiver:
    """Receives through a channel, and knows by PostgreSQL's clock when."""

    def __init__(self, broker: kombu.Connection, tables: Tables) -> None:
        self._tables = tables
        self.messages: list[Any] = []
        self.times: list[datetime] = []
        kombu.Consumer(broker.channel(), [Queue(QUEUE)], on_message=self._receive, prefetch_count=10).consume()

    def _receive(self, message: Any) -> None:
        self.times.append(self._tables.value("SELECT clock_timestamp()"))
        self.messages.append(message)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Give an event loop that is closed after all that takes part in it."""
    hub = Hub()
    yield hub
    hub.close()


def draining(broker: kombu.Connection, _hub: Hub) -> Callable[[], None]:
    def run() -> None:
        with contextlib.suppress(TimeoutError):
            broker.drain_events(timeout=0.05)

    return run


def looping(broker: kombu.Connection, hub: Hub) -> Callable[[], None]:
    broker.register_with_event_loop(hub)

    def run() -> None:
        # Otherwise the loop sleeps for a second.
        hub.call_later(0.05, lambda: None)
        hub.run_once()

    return run


@pytest.mark.parametrize("running", [draining, looping])
def test_a_message_is_delivered_when_it_is_due_and_not_before(
    empty_database_url: str, tables: Tables, hub: Hub, running: Callable[[kombu.Connection, Hub], Callable[[], object]]
) -> None:
    with connection(empty_database_url, **UNAIDED) as broker:
        receiver = Receiver(broker, tables)
        run = running(broker, hub)
        eventually(lambda: run() or any(map(tables.is_waiting, tables.consumers())), SECONDS, "a waiting consumer")
        # The later one is known first: the nearer one must bring the time forward.
        etas = [due_in(tables, seconds) for seconds in (0.6, 0.3)]
        for eta in etas:
            tables.publish(message(eta=eta)).fire(tables.connection)
        eventually(lambda: run() or len(receiver.messages) == 2, SECONDS, "the deliveries")
        delays = [
            (came - datetime.fromisoformat(eta)).total_seconds()
            for came, eta in zip(receiver.times, sorted(etas), strict=True)
        ]
        assert all(0 <= delay < LATE_SECONDS for delay in delays), delays
        assert [received.headers["eta"] for received in receiver.messages] == [None, None]


def test_a_message_for_later_is_in_the_table_and_in_no_worker(empty_database_url: str, tables: Tables) -> None:
    with connection(empty_database_url, **UNAIDED) as broker:
        receiver = Receiver(broker, tables)
        eta = due_in(tables, 3600)
        tables.publish(message(eta=eta), message("now")).fire(tables.connection)
        broker.drain_events(timeout=SECONDS)
        assert [received.payload for received in receiver.messages] == ["now"]
        assert tables.rows("SELECT visible, due_at FROM kombu_message WHERE due_at IS NOT NULL") == [
            (True, datetime.fromisoformat(eta))
        ]


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_a_time_means_the_same_in_every_zone(empty_database_url: str, tables: Tables, hours: int) -> None:
    with consuming(empty_database_url, **WATCHFUL) as consumer:
        zone = timezone(timedelta(hours=hours))
        due, later = (
            datetime.fromisoformat(due_in(tables, seconds)).astimezone(zone).isoformat() for seconds in (-1, 60)
        )
        tables.publish(message("later", eta=later), message("due", eta=due))
        assert [delivery.raw()["body"] for delivery in wait_for(consumer)] == ["due"]


def wait_for(consumer: Consumer) -> list[Delivery]:
    """Return the deliveries that come next."""

    def received() -> list[Delivery]:
        consumer.look()
        return consumer.receive([QUEUE], 10, 0)

    return eventually(received, SECONDS, "a delivery")


def test_a_time_of_unknown_zone_is_left_to_celery(empty_database_url: str, tables: Tables) -> None:
    with consuming(empty_database_url) as consumer:
        tables.publish(message(eta="2100-01-01T00:00:00"))
        (delivery,) = consumer.receive([QUEUE], 1, 0)
        assert delivery.raw()["headers"]["eta"] == "2100-01-01T00:00:00"


def test_a_message_that_was_due_and_is_put_back_does_not_wait_again(empty_database_url: str, tables: Tables) -> None:
    with consuming(empty_database_url, **WATCHFUL) as consumer:
        tables.publish(message(eta=due_in(tables, -1)))
        (first,) = wait_for(consumer)
        consumer.requeue([first.tag])
        (second,) = wait_for(consumer)
        assert second.raw()["headers"]["eta"] is None


def expiring(seconds: float, body: str = "expires") -> Message:
    return Message(QUEUE, message(body).payload, expires_in=seconds)


def test_an_expired_message_is_neither_claimed_nor_read_nor_counted(empty_database_url: str, tables: Tables) -> None:
    with connection(empty_database_url, **UNAIDED) as broker, consuming(empty_database_url) as consumer:
        channel = broker.channel()
        tables.publish(expiring(-1), expiring(60, "fresh"))
        assert channel.queue_declare(QUEUE, passive=False).message_count == 1
        assert [delivery.raw()["body"] for delivery in consumer.receive([QUEUE], 10, 0)] == ["fresh"]
        assert channel.basic_get(QUEUE, no_ack=True) is None
        assert channel.basic_get(QUEUE) is None


def test_an_expired_message_for_later_is_never_delivered(empty_database_url: str, tables: Tables) -> None:
    with consuming(empty_database_url) as consumer:
        due = message(eta=due_in(tables, -1))
        tables.publish(Message(QUEUE, due.payload, due_at=due.due_at, expires_in=-1), message("next"))
        tables.rows(statements.RELEASE)
        assert [delivery.raw()["body"] for delivery in wait_for(consumer)] == ["next"]


def test_expired_messages_are_deleted(empty_database_url: str, tables: Tables) -> None:
    tables.publish(*[expiring(-1)] * 100, expiring(60))
    with consuming(empty_database_url, "another queue", **WATCHFUL) as consumer:
        consumer.receive(["another queue"], 1, 0)
        eventually(lambda: tables.count("kombu_message") == 1, SECONDS, "the clean-up")


def test_a_message_that_is_worked_on_does_not_expire(empty_database_url: str, tables: Tables) -> None:
    tables.publish(expiring(60, "begun"))
    with consuming(empty_database_url, **WATCHFUL) as consumer:
        (begun,) = consumer.receive([QUEUE], 10, 0)
        tables.rows("UPDATE kombu_message SET expires_at = now()")
        tables.publish(expiring(-1))
        eventually(lambda: tables.count("kombu_message") == 1, SECONDS, "the clean-up")
        consumer.ack(begun.tag)
        consumer.settle()
        assert tables.count("kombu_message") == 0


def test_the_time_to_live_of_a_queue_is_that_of_its_messages(empty_database_url: str, tables: Tables) -> None:
    with connection(empty_database_url) as broker:
        broker.channel().queue_declare(QUEUE, arguments={"x-message-ttl": 60_000})
        broker.Producer().publish("by kombu", routing_key=QUEUE)
        broker.Producer().publish("for less", routing_key=QUEUE, expiration=5)
        broker.Producer().publish("for more", routing_key=QUEUE, expiration=500)
    tables.publish(message("alone"))
    tables.publish(message("one"), message("two"))
    lives = tables.rows("SELECT extract(epoch FROM expires_at - timestamp)::int FROM kombu_message ORDER BY id")
    assert [seconds for (seconds,) in lives] == [60, 5, 60, 60, 60, 60]


# A killed consumer is remembered for a minute, see FORGET_LOST.
OVER_A_MINUTE = timedelta(seconds=61)


def test_an_auto_delete_queue_of_a_killed_consumer_is_deleted(
    empty_database_url: str, tables: Tables, tmp_path: Path
) -> None:
    with connection(empty_database_url) as broker, broker.channel() as channel:
        channel.exchange_declare("exchange", type="fanout")
        channel.queue_declare(QUEUE, auto_delete=True)
        channel.queue_bind(QUEUE, "exchange", "")
    tables.publish(message())
    with Worker(empty_database_url, tmp_path) as worker:
        worker.wait_for("received hello")
        worker.process.send_signal(signal.SIGKILL)
    with consuming(empty_database_url, "another queue", **WATCHFUL) as other:
        other.receive(["another queue"], 1, 0)
        eventually(lambda: tables.count("kombu_consumer", "lost_at IS NOT NULL"), SECONDS, "the consumer's end")
        eventually(lambda: not tables.count("kombu_claim"), SECONDS, "the return of its messages")
        assert tables.count("kombu_queue") == 1
        tables.rows("UPDATE kombu_consumer SET lost_at = lost_at - :past WHERE lost_at IS NOT NULL", past=OVER_A_MINUTE)
        eventually(lambda: not tables.count("kombu_queue"), SECONDS, "the clean-up")
        eventually(
            lambda: not tables.count("kombu_binding") and not tables.count("kombu_message"), SECONDS, "the clean-up"
        )


def test_a_queue_expires_when_nobody_uses_it_and_not_while_somebody_does(
    empty_database_url: str, tables: Tables
) -> None:
    with connection(empty_database_url) as broker, broker.channel() as channel:
        for name in ("used", "unused"):
            channel.queue_declare(name, arguments={"x-expires": 60_000})
            channel.queue_bind(name, "amq.direct", name)
            tables.publish(message(queue=name))
        with consuming(empty_database_url, "used", **WATCHFUL) as consumer:
            consumer.receive(["used"], 1, 0)
            tables.rows("UPDATE kombu_queue SET used_at = used_at - :past", past=OVER_A_MINUTE)
            eventually(lambda: tables.count("kombu_queue") == 1, SECONDS, "the clean-up")
            for table, column in (("kombu_queue", "name"), ("kombu_binding", "queue"), ("kombu_message", "queue")):
                eventually(lambda: tables.rows(f"SELECT {column} FROM {table}") == [("used",)], SECONDS, table)  # noqa: S608, B023 - names of ours; called at once
