"""A claim belongs to one delivery and one consumer; nobody else settles it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kombu
import pytest
from kombu import Queue

from kombu_postgres import Message, statements
from kombu_postgres.consumer import Consumer
from tests.support.transport import QUEUE, SECONDS, Tables, connection, consuming, message


@pytest.fixture
def consumer(empty_database_url: str, tables: Tables) -> Iterator[Consumer]:
    """Give a consumer of the queue."""
    with consuming(empty_database_url) as consumer:
        yield consumer


def claim(consumer: Consumer, room: int = 10) -> list[str]:
    """Return the tags of what the queue has for the consumer."""
    consumer.look()
    return [delivery.tag for delivery in consumer.receive([QUEUE], room, 0)]


def bodies(consumer: Consumer, room: int = 10) -> list[str]:
    consumer.look()
    return [delivery.raw()["body"] for delivery in consumer.receive([QUEUE], room, 0)]


def state(tables: Tables) -> list[tuple[bool, int]]:
    """Return which messages are visible, and how often each was delivered."""
    return tables.rows("SELECT visible, deliveries FROM kombu_message ORDER BY id")


def test_a_claimed_message_is_neither_visible_nor_given_to_others(
    empty_database_url: str, tables: Tables, consumer: Consumer
) -> None:
    tables.publish(message())
    assert len(claim(consumer)) == 1
    assert state(tables) == [(False, 1)]
    with consuming(empty_database_url) as other:
        assert claim(other) == []


def test_a_message_and_its_claim_are_gone_after_the_acknowledgement(tables: Tables, consumer: Consumer) -> None:
    tables.publish(message())
    (tag,) = claim(consumer)
    consumer.ack(tag)
    consumer.settle()
    assert (tables.count("kombu_message"), tables.count("kombu_claim")) == (0, 0)


def test_acknowledgements_travel_with_the_next_claim(tables: Tables, consumer: Consumer) -> None:
    tables.publish(message("first"), message("second"))
    (first,) = claim(consumer, room=1)
    consumer.ack(first)
    assert tables.count("kombu_message") == 2
    (second,) = claim(consumer, room=1)
    assert tables.count("kombu_message") == 1
    assert first != second


def test_each_delivery_of_a_message_has_a_tag_of_its_own(
    empty_database_url: str, tables: Tables, consumer: Consumer
) -> None:
    tables.publish(message())
    (first,) = claim(consumer)
    consumer.requeue([first])
    (second,) = claim(consumer)
    consumer.requeue([second])
    with consuming(empty_database_url) as other:
        (third,) = claim(other)
    assert len({first, second, third}) == 3


def test_a_tag_of_an_earlier_delivery_settles_nothing(
    tables: Tables, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    tables.publish(message())
    (early,) = claim(consumer)
    consumer.requeue([early])
    claim(consumer)
    consumer.ack(early)
    consumer.settle()
    consumer.requeue([early])
    assert state(tables) == [(False, 2)]
    assert "1 late acknowledgements are refused" in caplog.text


def test_an_acknowledgement_is_refused_when_the_message_was_given_to_another(
    empty_database_url: str, tables: Tables, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    tables.publish(message())
    (late,) = claim(consumer)
    (owner,) = tables.consumers()
    with consuming(empty_database_url) as other:
        tables.declare_lost(owner)
        tables.rows(statements.RETURN_ORPHANS)
        (tag,) = claim(other)
        consumer.ack(late)
        consumer.settle()
        assert "1 late acknowledgements are refused: the messages were given to others" in caplog.text
        assert state(tables) == [(False, 2)]
        other.ack(tag)
        other.settle()
    assert tables.count("kombu_message") == 0


def test_a_consumer_that_is_declared_lost_claims_nothing_more_under_its_old_name(
    tables: Tables, consumer: Consumer
) -> None:
    claim(consumer)
    (owner,) = tables.consumers()
    tables.declare_lost(owner)
    tables.publish(message())
    assert claim(consumer) == []


def test_a_requeued_message_keeps_its_place(tables: Tables, consumer: Consumer) -> None:
    tables.publish(*(message(body) for body in ("first", "second", "third")))
    tags = claim(consumer, room=2)
    consumer.requeue(tags[:1])
    assert bodies(consumer, room=1) == ["first"]
    assert bodies(consumer, room=1) == ["third"]


def test_a_requeued_message_keeps_its_priority(tables: Tables, consumer: Consumer) -> None:
    tables.publish(message("ordinary"), prioritized("urgent"))
    (urgent,) = claim(consumer, room=1)
    consumer.requeue([urgent])
    assert bodies(consumer) == ["urgent", "ordinary"]


def prioritized(body: str) -> Message:
    ordinary = message(body)
    return Message(QUEUE, ordinary.payload, priority=9)


def test_a_redelivered_message_says_so_and_how_often(tables: Tables, consumer: Consumer) -> None:
    tables.publish(message())
    told = []
    for _ in range(3):
        consumer.look()
        (delivery,) = consumer.receive([QUEUE], 1, 0)
        raw = delivery.raw()
        told.append((raw["properties"]["delivery_info"].get("redelivered"), raw["headers"].get("x-delivery-count")))
        consumer.requeue([delivery.tag])
    assert told == [(False, None), (True, 1), (True, 2)]


def test_a_consumer_that_is_closed_leaves_nothing_behind(empty_database_url: str, tables: Tables) -> None:
    tables.publish(message("done"), message("begun"))
    with consuming(empty_database_url) as consumer:
        done, _ = claim(consumer)
        consumer.ack(done)
    assert state(tables) == [(True, 1)]
    assert (tables.count("kombu_claim"), tables.count("kombu_consumer")) == (0, 0)


def test_what_a_closed_consumer_gives_back_wakes_one_that_waits(empty_database_url: str, tables: Tables) -> None:
    with connection(empty_database_url) as waiting, waiting.channel() as channel:
        received: list[object] = []
        tables.publish(message())
        with consuming(empty_database_url) as consumer:
            claim(consumer)
            kombu.Consumer(channel, [Queue(QUEUE)], on_message=received.append).consume()
            with pytest.raises(TimeoutError):
                waiting.drain_events(timeout=0.05)
        waiting.drain_events(timeout=SECONDS)
        assert len(received) == 1


# None of these was written by kombu.
GARBAGE = {
    "empty": "",
    "text": "hello",
    "number": "5",
    "null": "null",
    "list": "[1]",
    "string": '"hello"',
    "empty object": "{}",
    "headers of another kind": '{"body": "x", "headers": 5, "properties": {"delivery_info": {}}}',
    "headers that are null": '{"body": "x", "headers": null, "properties": {"delivery_info": {}}}',
    "properties of another kind": '{"body": "x", "headers": {}, "properties": []}',
    "no delivery_info": '{"body": "x", "headers": {}, "properties": {}}',
    "body that cannot be decoded": (
        '{"body": "abc", "headers": {}, "properties": {"delivery_info": {}, "body_encoding": "base64"}}'
    ),
    "unknown encoding of the body": (
        '{"body": "x", "headers": {}, "properties": {"delivery_info": {}, "body_encoding": "rot13"}}'
    ),
}


@pytest.mark.parametrize("payload", GARBAGE.values(), ids=GARBAGE.keys())
@pytest.mark.parametrize("deliveries", [0, 1], ids=["first delivery", "redelivery"])
def test_a_message_that_nobody_can_read_does_not_stop_a_consumer(
    empty_database_url: str, tables: Tables, payload: str, deliveries: int
) -> None:
    tables.rows(
        "INSERT INTO kombu_message (queue, payload, deliveries) VALUES (:queue, :payload, :deliveries)",
        queue=QUEUE,
        payload=payload,
        deliveries=deliveries,
    )
    tables.publish(message("readable"))
    with connection(empty_database_url) as broker, broker.channel() as channel:
        received: list[Any] = []
        with kombu.Consumer(channel, [Queue(QUEUE)], on_message=received.append, prefetch_count=2):
            while not any(message.body == b"readable" for message in received):
                broker.drain_events(timeout=SECONDS)
