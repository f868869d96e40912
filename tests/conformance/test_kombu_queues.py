"""The order in which a queue gives its messages, what it can tell of them, and how it ends."""

from __future__ import annotations

import random
from collections.abc import Iterable
from queue import Empty

import pytest
from kombu import Connection, Producer, Queue
from kombu.message import Message

from tests.conformance.brokers import MEMORY, Broker
from tests.conformance.inbox import Inbox
from tests.support.waiting import eventually


def test_messages_come_in_the_order_in_which_they_were_published(
    connection: Connection, producer: Producer, name: str
) -> None:
    queue = _declared(connection, Queue(name))
    _publish(producer, queue, range(200))
    with Inbox(connection, queue) as inbox:
        assert inbox.wait_for(200) == list(range(200))


@pytest.mark.without(MEMORY, reason="it has no priorities")
def test_the_highest_priority_comes_first_and_within_one_the_oldest(
    connection: Connection, producer: Producer, name: str
) -> None:
    queue = _declared(connection, Queue(name, max_priority=9))
    published = [(priority, number) for number in range(5) for priority in random.sample(range(10), 10)]
    for priority, number in published:
        producer.publish([priority, number], routing_key=queue.name, priority=priority)
    expected = sorted(published, key=lambda sent: (-sent[0], sent[1]))
    assert _taken(queue(connection)) == [list(body) for body in expected]


@pytest.mark.without(MEMORY, reason="it has no priorities")
def test_a_consumer_gets_the_highest_priority_of_what_waits_when_it_has_credit(
    connection: Connection, producer: Producer, name: str
) -> None:
    queue = _declared(connection, Queue(name, max_priority=9))
    with Inbox(connection, queue, prefetch=1) as inbox:
        producer.publish("held", routing_key=queue.name, priority=0)
        held = inbox.get()
        for priority in (0, 9, 5):
            producer.publish(priority, routing_key=queue.name, priority=priority)
        held.ack()
        for _ in range(3):
            inbox.get().ack()
        assert inbox.bodies == ["held", 9, 5, 0]


@pytest.mark.without(MEMORY, reason="it has no priorities")
def test_a_message_without_a_priority_has_the_lowest(connection: Connection, producer: Producer, name: str) -> None:
    queue = _declared(connection, Queue(name, max_priority=9))
    _publish(producer, queue, ["none"])
    for priority in (0, 1):
        producer.publish(priority, routing_key=queue.name, priority=priority)
    assert _taken(queue(connection)) == [1, "none", 0]


def test_a_passive_declaration_tells_the_size(connection: Connection, producer: Producer, name: str) -> None:
    queue = _declared(connection, Queue(name))
    assert _size(connection, queue) == 0
    _publish(producer, queue, range(3))
    assert _size(connection, queue) == 3


@pytest.mark.without(MEMORY, reason="it keeps nothing of what it has delivered")
def test_the_size_is_of_what_waits(connection: Connection, producer: Producer, name: str) -> None:
    queue = _declared(connection, Queue(name))
    _publish(producer, queue, range(3))
    with Inbox(connection, queue, prefetch=1) as inbox:
        inbox.wait_for(1)
        assert _size(connection, queue) == 2
    eventually(lambda: _size(connection, queue) == 3, 5, "the return of the third message")


@pytest.mark.without(MEMORY, reason="it makes the queue")
def test_a_passive_declaration_of_a_missing_queue_is_refused(connection: Connection, name: str) -> None:
    with pytest.raises(connection.channel_errors):
        Queue(name)(connection).queue_declare(passive=True)


def test_a_second_declaration_changes_nothing(
    connection: Connection, other_connection: Connection, producer: Producer, name: str
) -> None:
    queue = _declared(connection, Queue(name))
    _publish(producer, queue, ["kept"])
    _declared(other_connection, Queue(name))
    assert _taken(queue(connection)) == ["kept"]


def test_purging_removes_what_waits_and_tells_how_much_it_was(
    connection: Connection, producer: Producer, name: str
) -> None:
    queue, other = _declared(connection, Queue(name)), _declared(connection, Queue(f"{name}.other"))
    _publish(producer, queue, range(3))
    _publish(producer, other, ["kept"])
    assert queue(connection).purge() == 3
    assert queue(connection).purge() == 0
    assert _taken(queue(connection)) == []
    assert _taken(other(connection)) == ["kept"]


@pytest.mark.without(MEMORY, reason="it gives nothing back")
def test_purging_leaves_what_is_being_worked_on(connection: Connection, producer: Producer, name: str) -> None:
    queue = _declared(connection, Queue(name))
    _publish(producer, queue, range(3))
    with Inbox(connection, queue, prefetch=1) as inbox:
        inbox.wait_for(1)
        assert queue(connection).purge() == 2
    assert _eventual_message(connection, queue).decode() == 0


def test_getting_takes_one_message_until_there_is_none(connection: Connection, producer: Producer, name: str) -> None:
    queue = _declared(connection, Queue(name))
    _publish(producer, queue, range(2))
    bound = queue(connection)
    for number in range(2):
        message = bound.get()
        assert message is not None
        assert message.decode() == number
        message.ack()
    assert bound.get() is None


@pytest.mark.without(MEMORY, reason="it gives nothing back")
@pytest.mark.parametrize("no_ack", [True, False])
def test_what_was_got_comes_back_unless_it_needs_no_acknowledgement(
    broker: Broker, connection: Connection, producer: Producer, name: str, no_ack: bool
) -> None:
    queue = _declared(connection, Queue(name))
    _publish(producer, queue, ["got"])
    with broker.connect() as getting:
        message = queue(getting).get(no_ack=no_ack)
        assert message is not None
        assert message.decode() == "got"
        assert queue(connection).get() is None
    if no_ack:
        assert queue(connection).get() is None
    else:
        assert _eventual_message(connection, queue).delivery_info["redelivered"]


def test_a_simple_queue_puts_and_gets(connection: Connection, name: str) -> None:
    with connection.SimpleQueue(name) as queue:
        queue.put({"number": 1})
        queue.put({"number": 2})
        assert queue.qsize() == 2
        for number in (1, 2):
            message = queue.get(timeout=5)
            assert message.payload == {"number": number}
            message.ack()
        with pytest.raises(Empty):
            queue.get(timeout=0.1)
        with pytest.raises(Empty):
            queue.get_nowait()


def test_a_simple_buffer_puts_and_gets(connection: Connection, name: str) -> None:
    with connection.SimpleBuffer(name) as buffer:
        buffer.put("buffered")
        assert buffer.get(timeout=5).payload == "buffered"


@pytest.mark.without(MEMORY, reason="it has no expiry")
def test_an_expired_message_is_not_delivered(connection: Connection, producer: Producer, name: str) -> None:
    queue = _declared(connection, Queue(name))
    producer.publish("short", routing_key=name, expiration=0.2)
    producer.publish("long", routing_key=name, expiration=60)
    eventually(lambda: _size(connection, queue) == 1, 5, "the expiry")
    assert _taken(queue(connection)) == ["long"]


@pytest.mark.without(MEMORY, reason="it has no expiry")
def test_a_message_that_is_delivered_in_time_can_be_worked_on_for_longer(
    connection: Connection, producer: Producer, name: str
) -> None:
    queue = _declared(connection, Queue(name))
    with Inbox(connection, queue) as inbox:
        producer.publish("held", routing_key=name, expiration=0.2)
        message = inbox.get()
        inbox.stays_at(1)
        message.ack()
    assert _size(connection, queue) == 0


@pytest.mark.without(MEMORY, reason="it has no expiry")
def test_the_messages_of_a_queue_with_a_time_to_live_expire(
    connection: Connection, producer: Producer, name: str
) -> None:
    queue = _declared(connection, Queue(name, message_ttl=0.2))
    _publish(producer, queue, range(3))
    eventually(lambda: _size(connection, queue) == 0, 5, "the expiry")
    with Inbox(connection, queue) as inbox:
        inbox.stays_at(0)
        _publish(producer, queue, ["in time"])
        assert inbox.wait_for(1) == ["in time"]


@pytest.mark.without(MEMORY, reason="it has no expiry")
def test_a_queue_that_expires_is_gone_when_nobody_has_used_it(broker: Broker, name: str) -> None:
    queue = Queue(name, expires=1)
    with broker.connect() as connection:
        _declared(connection, queue)
    with broker.connect() as connection, Inbox(connection, _declared(connection, Queue(f"{name}.other"))) as quiet:

        def is_gone() -> bool:
            # To ask is to use it: not before it should be gone.
            quiet.stays_at(0, 1.5)
            return not _exists(broker, queue)

        eventually(is_gone, 10, "the end of the queue")


@pytest.mark.without(MEMORY, reason="it keeps the queue")
def test_an_auto_delete_queue_ends_with_its_last_consumer(
    broker: Broker, connection: Connection, other_connection: Connection, name: str
) -> None:
    queue = _declared(connection, Queue(name, auto_delete=True))
    with Inbox(connection, queue, prefetch=1) as first:
        _publish(connection.Producer(serializer="json"), queue, range(2))
        first.wait_for(1)
        with Inbox(other_connection, queue, prefetch=1) as second:
            second.wait_for(1)
            second.cancel()
        assert _exists(broker, queue)
        first.cancel()
        eventually(lambda: not _exists(broker, queue), 5, "the end of the queue")


@pytest.mark.without(MEMORY, reason="it keeps the queue")
def test_an_exclusive_queue_ends_with_its_connection(broker: Broker, name: str) -> None:
    with broker.connect() as owning:
        queue = _declared(owning, Queue(name, exclusive=True, durable=False))
        owning.Producer().publish("own", routing_key=name)
        with Inbox(owning, queue) as inbox:
            inbox.wait_for(1)
    eventually(lambda: not _exists(broker, queue), 5, "the end of the queue")


@pytest.mark.without(MEMORY, reason="its queues live in one process")
def test_a_deleted_queue_takes_its_messages_along(
    broker: Broker, connection: Connection, producer: Producer, name: str
) -> None:
    queue = _declared(connection, Queue(name))
    _publish(producer, queue, range(3))
    queue(connection).delete()
    assert not _exists(broker, queue)
    _declared(connection, queue)
    assert _size(connection, queue) == 0


@pytest.mark.parametrize("arguments", [{}, {"auto_delete": True}, {"exclusive": True}, {"expires": 60}])
def test_a_reply_comes_back_through_a_queue_of_the_client(
    connection: Connection, other_connection: Connection, name: str, arguments: dict[str, object]
) -> None:
    requests = _declared(other_connection, Queue(name))
    replies = _declared(connection, Queue(f"{name}.reply", durable=False, **arguments))
    with Inbox(connection, replies, no_ack=True) as answers, Inbox(other_connection, requests) as asked:
        producer = connection.Producer(serializer="json")
        for number in range(3):
            producer.publish(number, routing_key=name, reply_to=replies.name, correlation_id=str(number))
            request = asked.get()
            other_connection.Producer(serializer="json").publish(
                request.decode() * 10,
                routing_key=request.properties["reply_to"],
                correlation_id=request.properties["correlation_id"],
            )
            request.ack()
            reply = answers.get()
            assert (reply.properties["correlation_id"], reply.decode()) == (str(number), number * 10)


def _declared(connection: Connection, queue: Queue) -> Queue:
    queue(connection).declare()
    return queue


def _publish(producer: Producer, queue: Queue, bodies: Iterable[object]) -> None:
    for body in bodies:
        producer.publish(body, routing_key=queue.name)


def _taken(queue: Queue) -> list[object]:
    """Take all that is in a queue."""
    bodies = []
    while (message := queue.get(no_ack=True)) is not None:
        bodies.append(message.decode())
    return bodies


def _size(connection: Connection, queue: Queue) -> int:
    size: int = queue(connection).queue_declare(passive=True).message_count
    return size


def _exists(broker: Broker, queue: Queue) -> bool:
    """Ask on a connection of its own: a refusal ends the channel."""
    with broker.connect() as connection:
        try:
            queue(connection).queue_declare(passive=True)
        except connection.channel_errors:
            return False
    return True


def _eventual_message(connection: Connection, queue: Queue) -> Message:
    message: Message = eventually(lambda: queue(connection).get(), 5, "a message")
    return message
