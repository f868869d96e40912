"""Consumers that are gone lose their claims, soon; consumers that live keep theirs, whatever their sessions suffer."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kombu
import psycopg2
import pytest
from kombu import Queue
from psycopg2 import extensions

from kombu_postgres.consumer import Consumer
from kombu_postgres.options import Options, connection_parameters
from tests.support.transport import (
    QUEUE,
    SECONDS,
    WATCHFUL,
    Tables,
    Worker,
    connection,
    consumer_of,
    consuming,
    message,
    with_parameters,
)
from tests.support.waiting import eventually

# What is promised for a process that was killed, and what a busy machine adds.
CLAIMABLE_SECONDS = 2.0
MARGIN_SECONDS = 1.0


class Inbox:
    """A connection that consumes the queue, and what it has received."""

    def __init__(self, broker: kombu.Connection) -> None:
        self.messages: list[Any] = []
        self._broker = broker
        kombu.Consumer(broker.channel(), [Queue(QUEUE)], on_message=self.messages.append, prefetch_count=1).consume()

    def drain(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            self._broker.drain_events(timeout=seconds)

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Receive until the condition holds."""

        def met() -> object:
            self.drain(0.02)
            return condition()

        eventually(met, SECONDS, what)

    def wait(self) -> Any:
        self.wait_until(lambda: self.messages, "the delivery")
        (received,) = self.messages
        return received


@pytest.fixture
def inbox(empty_database_url: str, tables: Tables) -> Iterator[Inbox]:
    """Give another consumer, that looks after the others with the options of the default."""
    with connection(empty_database_url) as broker:
        yield Inbox(broker)


@pytest.fixture
def watchful_inbox(empty_database_url: str, tables: Tables) -> Iterator[Inbox]:
    """Give another consumer, that looks after the others all the time."""
    with connection(empty_database_url, **WATCHFUL) as broker:
        yield Inbox(broker)


def test_what_a_killed_process_has_is_claimable_within_two_seconds(
    empty_database_url: str, tables: Tables, inbox: Inbox, tmp_path: Path
) -> None:
    # Just after the start of a server nobody is judged, since owners may still be on their way back.
    started = "SELECT now() - pg_postmaster_start_time() > make_interval(secs => :grace)"
    grace = Options().reconnect_grace_seconds
    eventually(lambda: tables.value(started, grace=grace), grace + SECONDS, "the server's age")
    with Worker(empty_database_url, tmp_path) as worker:
        tables.publish(message())
        worker.wait_for("received hello")
        inbox.drain(0.0)
        killed_at = time.monotonic()
        worker.process.send_signal(signal.SIGKILL)
        redelivered = inbox.wait()
        assert time.monotonic() - killed_at < CLAIMABLE_SECONDS + MARGIN_SECONDS
        assert redelivered.delivery_info["redelivered"]


def test_a_process_that_starts_after_another_was_killed_takes_over_its_claims(
    empty_database_url: str, tables: Tables, tmp_path: Path
) -> None:
    with Worker(empty_database_url, tmp_path) as worker:
        tables.publish(message())
        worker.wait_for("received hello")
    with connection(empty_database_url) as broker:
        assert Inbox(broker).wait().delivery_info["redelivered"]


def test_a_stopped_process_without_sessions_is_declared_lost_and_goes_on_as_another(
    empty_database_url: str, tables: Tables, inbox: Inbox, tmp_path: Path
) -> None:
    with Worker(empty_database_url, tmp_path) as worker:
        tables.publish(message())
        worker.wait_for("received hello")
        (owner,) = tables.consumers()
        worker.process.send_signal(signal.SIGSTOP)
        tables.terminate(Worker.NAME)
        redelivered = inbox.wait()
        worker.process.send_signal(signal.SIGCONT)
        worker.wait_for(f"consumer {owner} was out of reach for longer than its lease: 1 messages")
        worker.ack()
        worker.wait_for("1 late acknowledgements are refused")
        assert tables.count("kombu_message") == 1
        redelivered.ack()
        tables.publish(message("next")).fire(tables.connection)
        inbox.messages.clear()
        inbox.wait_until(lambda: inbox.messages or "received next" in worker.output(), "the next delivery")


def test_a_lease_that_is_not_renewed_ends_although_the_session_lives(
    empty_database_url: str, tables: Tables, watchful_inbox: Inbox, tmp_path: Path
) -> None:
    with Worker(empty_database_url, tmp_path, patrol_seconds=0.1, lease_seconds=0.5) as worker:
        tables.publish(message())
        eventually(lambda: len(tables.consumers()) == 1, SECONDS, "the registration")
        worker.wait_for("received hello")
        (owner,) = tables.consumers()
        worker.process.send_signal(signal.SIGSTOP)
        watchful_inbox.wait()
        assert tables.shows_alive(owner)


def test_a_consumer_whose_thread_is_busy_keeps_its_claims(
    empty_database_url: str, tables: Tables, watchful_inbox: Inbox
) -> None:
    with consuming(empty_database_url, patrol_seconds=0.05, lease_seconds=0.4) as busy:
        tables.publish(message())
        assert len(busy.receive([QUEUE], 1, 0)) == 1
        (owner,) = tables.consumers()
        registered_at = tables.value("SELECT registered_at FROM kombu_consumer")
        watchful_inbox.wait_until(
            lambda: tables.count(
                "kombu_consumer",
                "id = :owner AND lease_until > :registered_at + interval '2 seconds'",
                owner=owner,
                registered_at=registered_at,
            ),
            "four renewals of the lease",
        )
        assert watchful_inbox.messages == []


def test_a_consumer_whose_sessions_are_terminated_while_its_thread_is_busy_keeps_its_claims(
    empty_database_url: str, tables: Tables, watchful_inbox: Inbox
) -> None:
    with consuming(with_parameters(empty_database_url, application_name="busy"), patrol_seconds=1.4) as busy:
        tables.publish(message())
        (delivery,) = busy.receive([QUEUE], 1, 0)
        (owner,) = tables.consumers()
        watchful_inbox.drain(0.0)
        tables.terminate("busy")
        watchful_inbox.wait_until(
            lambda: tables.shows_alive(owner) or owner not in tables.consumers(), "the keeper's return"
        )
        assert owner in tables.consumers()
        busy.ack(delivery.tag)
        with contextlib.suppress(psycopg2.OperationalError):
            busy.settle()
        busy.settle()
        assert tables.count("kombu_message") == 0
        assert watchful_inbox.messages == []


def test_acknowledgements_of_a_broken_session_are_made_up_for(empty_database_url: str, tables: Tables) -> None:
    with consuming(with_parameters(empty_database_url, application_name="broken")) as consumer:
        tables.publish(message("first"), message("second"))
        first, _ = consumer.receive([QUEUE], 2, 0)
        consumer.ack(first.tag)
        tables.terminate("broken")
        with pytest.raises(psycopg2.OperationalError):
            consumer.settle()
        consumer.settle()
        assert tables.rows("SELECT visible, deliveries FROM kombu_message") == [(False, 1)]


def test_acknowledgements_whose_answer_was_lost_are_not_refused(
    empty_database_url: str, tables: Tables, caplog: pytest.LogCaptureFixture
) -> None:
    with losing_the_answer_of(empty_database_url, tables, "kombu_ack") as consumer:
        tables.publish(message())
        (delivery,) = consumer.receive([QUEUE], 1, 0)
        consumer.ack(delivery.tag)
        with pytest.raises(psycopg2.OperationalError):
            consumer.settle()
        consumer.settle()
        assert tables.count("kombu_message") == 0
    assert "refused" not in caplog.text


def test_a_claim_whose_answer_was_lost_is_put_back_and_counts_as_no_delivery(
    empty_database_url: str, tables: Tables
) -> None:
    with losing_the_answer_of(empty_database_url, tables, "kombu_look") as consumer:
        tables.publish(message())
        with pytest.raises(psycopg2.OperationalError):
            consumer.receive([QUEUE], 1, 0)
        assert tables.count("kombu_claim") == 1
        (delivery,) = consumer.receive([QUEUE], 1, 0)
        assert delivery.deliveries == 1
        assert tables.count("kombu_claim") == 1


@contextlib.contextmanager
def losing_the_answer_of(url: str, tables: Tables, statement: str) -> Iterator[Consumer]:
    """Yield a consumer whose session ends after the server has run the statement and before the answer arrives."""
    left = [statement]

    class Cursor(extensions.cursor):
        def execute(self, query: Any, values: Any = None) -> None:
            super().execute(query, values)
            if left and query.startswith(f"EXECUTE {left[0]}"):
                left.clear()
                tables.rows("SELECT pg_terminate_backend(:pid)", pid=self.connection.info.backend_pid)
                super().execute("SELECT 1")

    parameters = {**connection_parameters(url), "cursor_factory": Cursor}
    consumer = consumer_of(parameters)
    consumer.subscribe([QUEUE], [])
    with contextlib.closing(consumer):
        yield consumer


def test_what_was_acknowledged_through_a_broken_session_is_settled_at_the_latest_when_the_consumer_is_closed(
    empty_database_url: str, tables: Tables
) -> None:
    with consuming(with_parameters(empty_database_url, application_name="broken")) as consumer:
        tables.publish(message())
        (delivery,) = consumer.receive([QUEUE], 1, 0)
        consumer.ack(delivery.tag)
        tables.terminate("broken")
        with pytest.raises(psycopg2.OperationalError):
            consumer.settle()
    assert tables.count("kombu_message") == 0


def test_connections_come_back_by_themselves(empty_database_url: str, tables: Tables) -> None:
    url = with_parameters(empty_database_url, application_name="broken")
    with connection(url) as broker, broker.channel() as channel:
        received: list[Any] = []
        with kombu.Consumer(channel, [Queue(QUEUE)], on_message=received.append, prefetch_count=1):
            for number in (1, 2, 3):
                tables.publish(message())
                broker.drain_events(timeout=SECONDS)
                assert len(received) == number
                tables.terminate("broken")
                received[-1].ack()
            with pytest.raises(TimeoutError):
                broker.drain_events(timeout=0.5)
        tables.terminate("broken")
        with pytest.raises(broker.connection_errors):
            broker.Producer().publish("lost", routing_key=QUEUE)
        broker.Producer().publish({"kept": True}, routing_key=QUEUE, serializer="json")
    assert tables.rows("SELECT payload::json ->> 'body' FROM kombu_message") == [('{"kept": true}',)]


def test_a_publisher_that_retries_publishes_once_more(empty_database_url: str, tables: Tables) -> None:
    with connection(with_parameters(empty_database_url, application_name="broken")) as broker:
        producer = broker.Producer()
        producer.publish("first", routing_key=QUEUE)
        tables.terminate("broken")
        producer.publish("second", routing_key=QUEUE, retry=True)
    assert tables.count("kombu_message") == 2
