"""Which queues a message reaches."""

from __future__ import annotations

import subprocess
import sys

import pytest
from kombu import Connection, Exchange, Producer, Queue, binding

from tests.conformance.brokers import MEMORY, Broker
from tests.conformance.inbox import Inbox

_PUBLISHER = """
import sys
from kombu import Connection
url, transport, exchange, routing_key = sys.argv[1:]
with Connection(url, transport=transport or None) as connection:
    connection.Producer().publish("from elsewhere", exchange=exchange, routing_key=routing_key)
"""


def test_the_default_exchange_routes_to_the_queue_of_that_name(
    connection: Connection, producer: Producer, name: str
) -> None:
    queue, other = _declared(connection, Queue(name), Queue(f"{name}.other"))
    producer.publish("mine", routing_key=name)
    with Inbox(connection, queue, other) as inbox:
        inbox.stays_at(1)
        assert [message.delivery_info["routing_key"] for message in inbox.messages] == [name]
    assert other(connection).get() is None


def test_a_direct_exchange_routes_to_the_queues_bound_with_exactly_that_key(
    connection: Connection, producer: Producer, name: str
) -> None:
    exchange = Exchange(name, "direct")
    first, second, other = _declared(
        connection,
        Queue(f"{name}.1", exchange, routing_key="wanted"),
        Queue(f"{name}.2", exchange, routing_key="wanted"),
        Queue(f"{name}.3", exchange, routing_key="wanted.not"),
    )
    producer.publish("both", exchange=exchange, routing_key="wanted")
    assert _contents(connection, first, second, other) == [["both"], ["both"], []]


@pytest.mark.parametrize(
    ("pattern", "routing_key", "matches"),
    [
        ("task.*", "task.started", True),
        ("task.*", "task.started.twice", False),
        ("task.*", "task", False),
        ("task.#", "task", True),
        ("task.#", "task.started.twice", True),
        ("task.#", "tasks.started", False),
        ("#", "anything.at.all", True),
        ("#", "", True),
        ("*.failed", "task.failed", True),
        ("*.failed", "worker.task.failed", False),
        ("#.failed", "worker.task.failed", True),
        ("*.task.#", "worker.task", True),
        ("*.task.#", "task", False),
        ("a_b.%", "a_b.%", True),
        ("a_b.*", "axb.c", False),
    ],
)
@pytest.mark.without(MEMORY, reason="kombu's own pattern takes no `#` for nothing at all")
def test_a_topic_exchange_matches_a_star_with_one_word_and_a_hash_with_any_number(
    connection: Connection, producer: Producer, name: str, pattern: str, routing_key: str, matches: bool
) -> None:
    exchange = Exchange(name, "topic")
    (queue,) = _declared(connection, Queue(name, exchange, routing_key=pattern))
    producer.publish("topic", exchange=exchange, routing_key=routing_key)
    assert _contents(connection, queue) == [["topic"] if matches else []]


def test_a_topic_exchange_routes_by_pattern(connection: Connection, producer: Producer, name: str) -> None:
    exchange = Exchange(name, "topic")
    started, tasks, workers = _declared(
        connection,
        Queue(f"{name}.1", exchange, routing_key="*.started"),
        Queue(f"{name}.2", exchange, routing_key="task.#"),
        Queue(f"{name}.3", exchange, routing_key="worker.*"),
    )
    producer.publish("task started", exchange=exchange, routing_key="task.started")
    producer.publish("task failed late", exchange=exchange, routing_key="task.failed.late")
    assert _contents(connection, started, tasks, workers) == [
        ["task started"],
        ["task started", "task failed late"],
        [],
    ]


def test_a_fanout_exchange_routes_to_all_its_queues_whatever_the_key(
    connection: Connection, producer: Producer, name: str
) -> None:
    exchange = Exchange(name, "fanout")
    queues = [Queue(f"{name}.{number}", exchange, routing_key=str(number)) for number in range(3)]
    _declared(connection, *queues, Queue(f"{name}.other"))
    producer.publish("everywhere", exchange=exchange, routing_key="1")
    producer.publish("also", exchange=exchange)
    assert _contents(connection, *queues) == [["everywhere", "also"]] * 3


@pytest.mark.parametrize("kind", ["direct", "topic"])
def test_a_queue_with_several_bindings_gets_a_message_once(
    connection: Connection, producer: Producer, name: str, kind: str
) -> None:
    exchange = Exchange(name, kind)
    keys = ["one", "two", "*" if kind == "topic" else "three"]
    (queue,) = _declared(connection, Queue(name, bindings=[binding(exchange, routing_key=key) for key in keys]))
    for key in ("one", "two"):
        producer.publish(key, exchange=exchange, routing_key=key)
    assert _contents(connection, queue) == [["one", "two"]]


def test_a_queue_is_bound_to_several_exchanges(connection: Connection, producer: Producer, name: str) -> None:
    direct, fanout = Exchange(f"{name}.direct", "direct"), Exchange(f"{name}.fanout", "fanout")
    (queue,) = _declared(connection, Queue(name, bindings=[binding(direct, routing_key="key"), binding(fanout)]))
    producer.publish("direct", exchange=direct, routing_key="key")
    producer.publish("fanout", exchange=fanout)
    assert _contents(connection, queue) == [["direct", "fanout"]]


@pytest.mark.without(MEMORY, reason="it says so with a warning")
@pytest.mark.parametrize("kind", ["direct", "topic", "fanout"])
def test_a_message_that_no_queue_is_bound_for_is_dropped(
    connection: Connection, producer: Producer, name: str, kind: str
) -> None:
    exchange = Exchange(name, kind)
    exchange(connection).declare()
    producer.publish("nobody", exchange=exchange, routing_key="key")
    (queue,) = _declared(connection, Queue(name, exchange, routing_key="key"))
    producer.publish("somebody", exchange=exchange, routing_key="key")
    assert _contents(connection, queue) == [["somebody"]]


def test_an_unbound_queue_gets_nothing_more(connection: Connection, producer: Producer, name: str) -> None:
    exchange = Exchange(name, "fanout")
    kept, unbound = _declared(connection, Queue(f"{name}.1", exchange), Queue(f"{name}.2", exchange))
    producer.publish("before", exchange=exchange)
    unbound(connection).unbind_from(exchange)
    producer.publish("after", exchange=exchange)
    assert _contents(connection, kept, unbound) == [["before", "after"], ["before"]]


def test_a_deleted_queue_leaves_the_others_of_its_exchange(
    connection: Connection, producer: Producer, name: str
) -> None:
    exchange = Exchange(name, "topic")
    kept, deleted = _declared(
        connection, Queue(f"{name}.1", exchange, routing_key="#"), Queue(f"{name}.2", exchange, routing_key="#")
    )
    deleted(connection).delete()
    producer.publish("after", exchange=exchange, routing_key="key")
    assert _contents(connection, kept) == [["after"]]


@pytest.mark.without(MEMORY, reason="its queues live in one process")
@pytest.mark.parametrize("kind", ["default", "direct", "topic", "fanout"])
def test_a_process_that_has_declared_nothing_can_publish(
    broker: Broker, connection: Connection, name: str, kind: str
) -> None:
    exchange = Exchange("" if kind == "default" else name, "direct" if kind == "default" else kind)
    (queue,) = _declared(connection, Queue(name) if kind == "default" else Queue(name, exchange, routing_key=name))
    words = [broker.url, broker.transport or "", exchange.name, name]
    subprocess.run([sys.executable, "-c", _PUBLISHER, *words], check=True, timeout=30)
    with Inbox(connection, queue) as inbox:
        assert inbox.wait_for(1) == ["from elsewhere"]


def _declared(connection: Connection, *queues: Queue) -> tuple[Queue, ...]:
    for queue in queues:
        queue(connection).declare()
    return queues


def _contents(connection: Connection, *queues: Queue) -> list[list[object]]:
    """Take all that is in each queue."""
    return [_taken(queue(connection)) for queue in queues]


def _taken(queue: Queue) -> list[object]:
    bodies = []
    while (message := queue.get(no_ack=True)) is not None:
        bodies.append(message.decode())
    return bodies
