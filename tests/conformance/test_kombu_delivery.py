"""What becomes of a message between its delivery and its acknowledgement."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from kombu import Connection, Producer, Queue
from kombu.exceptions import MessageStateError
from kombu.message import Message

from tests.conformance.brokers import MEMORY, Broker
from tests.conformance.inbox import Inbox, drain
from tests.support.waiting import eventually

pytestmark = pytest.mark.without(MEMORY, reason="it gives nothing back, and counts no credit across queues")


@pytest.fixture
def queue(connection: Connection, name: str) -> Queue:
    """Give a queue that is declared."""
    queue = Queue(name)
    queue(connection).declare()
    return queue


def test_the_prefetch_count_limits_what_is_unacknowledged(
    connection: Connection, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, range(5))
    with Inbox(connection, queue, prefetch=2) as inbox:
        inbox.stays_at(2)
        assert inbox.bodies == [0, 1]


def test_an_acknowledgement_returns_credit_at_once(connection: Connection, producer: Producer, queue: Queue) -> None:
    _publish(producer, queue, range(50))
    with Inbox(connection, queue, prefetch=1) as inbox:
        began = time.monotonic()
        for number in range(50):
            message = inbox.get()
            assert message.decode() == number
            message.ack()
        # A transport that polls once a second, or ten times, would not make it.
        assert time.monotonic() - began < 2.5


def test_the_prefetch_count_holds_for_all_queues_of_a_channel_together(connection: Connection, name: str) -> None:
    queues = [Queue(f"{name}.{number}") for number in range(3)]
    for queue in queues:
        queue(connection).declare()
        _publish(connection.Producer(serializer="json"), queue, range(3))
    channel = connection.channel()
    # RabbitMQ's own reading of the flag: "global" is per channel, else it is per consumer.
    channel.basic_qos(0, 4, True)
    messages: list[Message] = []
    with connection.Consumer(queues, channel=channel, on_message=messages.append, auto_declare=False):
        drain(connection, lambda: len(messages) == 4, 10, "four messages")
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.3)
        messages[0].ack()
        drain(connection, lambda: len(messages) == 5, 10, "the fifth message")


def test_an_acknowledged_message_is_gone(broker: Broker, producer: Producer, queue: Queue) -> None:
    _publish(producer, queue, range(3))
    with broker.connect() as consuming, Inbox(consuming, queue) as inbox:
        inbox.wait_for(3)
        inbox.ack_all()
    with broker.connect() as later, Inbox(later, queue) as inbox:
        inbox.stays_at(0)


def test_a_message_is_acknowledged_once(connection: Connection, producer: Producer, queue: Queue) -> None:
    _publish(producer, queue, ["once"])
    with Inbox(connection, queue) as inbox:
        message = inbox.get()
        message.ack()
        with pytest.raises(MessageStateError):
            message.ack()


def test_a_consumer_without_acknowledgements_takes_messages_for_good(
    broker: Broker, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, range(3))
    with broker.connect() as consuming, Inbox(consuming, queue, no_ack=True) as inbox:
        inbox.wait_for(3)
    with broker.connect() as later, Inbox(later, queue) as inbox:
        inbox.stays_at(0)


def test_a_first_delivery_is_not_marked_as_redelivered(
    connection: Connection, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, ["new"])
    with Inbox(connection, queue) as inbox:
        assert not inbox.get().delivery_info["redelivered"]


def test_a_closed_channel_gives_back_what_it_has_not_acknowledged(
    connection: Connection, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, range(4))
    with Inbox(connection, queue) as inbox:
        inbox.wait_for(4)
        inbox.messages[1].ack()
    _expect_again(connection, queue, [0, 2, 3])


def test_a_closed_connection_gives_back_what_it_has_not_acknowledged(
    broker: Broker, connection: Connection, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, range(4))
    with broker.connect() as closing:
        inbox = Inbox(closing, queue)
        with inbox:
            inbox.wait_for(4)
            inbox.messages[1].ack()
            closing.close()
    _expect_again(connection, queue, [0, 2, 3])


def test_what_is_given_back_goes_to_a_consumer_that_waits(
    connection: Connection, other_connection: Connection, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, range(2))
    with Inbox(connection, queue, prefetch=2) as holding:
        holding.wait_for(2)
        with Inbox(other_connection, queue) as waiting:
            waiting.stays_at(0)
            holding.channel.close()
            assert sorted(waiting.wait_for(2, seconds=3)) == [0, 1]


def test_a_rejected_message_is_dropped(broker: Broker, producer: Producer, queue: Queue) -> None:
    _publish(producer, queue, ["rejected", "kept"])
    with broker.connect() as consuming, Inbox(consuming, queue) as inbox:
        inbox.get().reject()
        inbox.wait_for(2)
    with broker.connect() as later, Inbox(later, queue) as inbox:
        inbox.stays_at(1)
        assert inbox.bodies == ["kept"]


def test_a_rejection_returns_credit(connection: Connection, producer: Producer, queue: Queue) -> None:
    _publish(producer, queue, range(3))
    with Inbox(connection, queue, prefetch=1) as inbox:
        for _ in range(3):
            inbox.get().reject()
        assert inbox.bodies == [0, 1, 2]


def test_a_requeued_message_comes_again_in_its_old_place(
    connection: Connection, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, ["first", "second"])
    with Inbox(connection, queue, prefetch=1) as inbox:
        inbox.get().requeue()
        again = inbox.get()
        assert again.decode() == "first"
        assert again.delivery_info["redelivered"]
        again.ack()
        second = inbox.get()
        assert second.decode() == "second"
        assert not second.delivery_info["redelivered"]


def test_a_requeued_message_goes_to_another_consumer_too(
    connection: Connection, other_connection: Connection, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, ["mine", "yours"])
    with Inbox(connection, queue, prefetch=1) as holding:
        mine = holding.get()
        holding.cancel()
        with Inbox(other_connection, queue) as other:
            other.wait_for(1)
            mine.requeue()
            assert other.wait_for(2) == ["yours", "mine"]
            assert other.messages[1].delivery_info["redelivered"]


def test_recovery_brings_all_that_is_unacknowledged_again(
    connection: Connection, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, range(3))
    with Inbox(connection, queue) as inbox:
        inbox.wait_for(3)
        inbox.messages[0].ack()
        inbox.channel.basic_recover(requeue=True)
        assert inbox.wait_for(5) == [0, 1, 2, 1, 2]
        assert all(message.delivery_info["redelivered"] for message in inbox.messages[3:])


def test_a_cancelled_consumer_takes_nothing_more_and_loses_nothing(
    broker: Broker, connection: Connection, producer: Producer, queue: Queue
) -> None:
    _publish(producer, queue, range(10))
    with broker.connect() as cancelling, Inbox(cancelling, queue, prefetch=4) as inbox:
        inbox.wait_for(2)
        inbox.cancel()
        taken = inbox.messages[:2]
        for message in taken:
            message.ack()
        _publish(producer, queue, [10])
        inbox.settle()
        late = [message.decode() for message in inbox.messages[2:]]
    with Inbox(connection, queue) as rest:
        assert sorted(rest.wait_for(9)) == list(range(2, 11))
        again = {message.decode() for message in rest.messages if message.delivery_info["redelivered"]}
        assert set(late) <= again <= {2, 3}


def test_two_consumers_share_a_queue(
    connection: Connection, other_connection: Connection, producer: Producer, queue: Queue
) -> None:
    with Inbox(connection, queue, prefetch=1) as first, Inbox(other_connection, queue, prefetch=1) as second:
        _publish(producer, queue, range(20))
        for _ in range(10):
            first.get().ack()
            second.get().ack()
        assert sorted(first.bodies + second.bodies) == list(range(20))


def test_a_message_that_arrives_later_is_delivered_at_once(
    connection: Connection, other_connection: Connection, queue: Queue
) -> None:
    producer = other_connection.Producer(serializer="json")
    with Inbox(connection, queue) as inbox:
        inbox.stays_at(0)
        began = time.monotonic()
        for number in range(20):
            _publish(producer, queue, [number])
            inbox.get().ack()
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("seconds", [0.2, 0.7])
def test_draining_ends_with_a_timeout_in_about_that_time(connection: Connection, queue: Queue, seconds: float) -> None:
    with Inbox(connection, queue) as inbox:
        inbox.stays_at(0)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=seconds)
        assert seconds * 0.9 <= time.monotonic() - began < seconds + 0.5


def test_channels_of_a_connection_have_credit_of_their_own(
    connection: Connection, producer: Producer, queue: Queue
) -> None:
    other = Queue(f"{queue.name}.other")
    other(connection).declare()
    _publish(producer, queue, range(4))
    _publish(producer, other, range(4))
    with Inbox(connection, queue, prefetch=1) as first, Inbox(connection, other, prefetch=2) as second:
        second.wait_for(2)
        first.stays_at(1)
        second.stays_at(2)
        first.messages[0].ack()
        assert first.wait_for(2) == [0, 1]
        second.stays_at(2)


def _publish(producer: Producer, queue: Queue, bodies: Iterable[object]) -> None:
    for body in bodies:
        producer.publish(body, routing_key=queue.name)


def _expect_again(connection: Connection, queue: Queue, bodies: list[int]) -> None:
    with Inbox(connection, queue) as inbox:
        assert inbox.wait_for(len(bodies)) == bodies
        inbox.stays_at(len(bodies))
        assert all(message.delivery_info["redelivered"] for message in inbox.messages)
        inbox.ack_all()
    eventually(lambda: queue(connection).queue_declare(passive=True).message_count == 0, 5, "an empty queue")
