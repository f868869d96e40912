"""Messages with a fairness key share their queue evenly; without keys a queue is first in, first out."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator

import psycopg2
import pytest
from kombu import Connection, Consumer, Queue
from kombu import Message as Delivery
from psycopg2 import extensions

from kombu_postgres import Message, publish

QUEUE = "fairness"
DELIVERY_SECONDS = 10.0


class FairQueue:
    """A queue whose messages carry a text each."""

    def __init__(self, broker: Connection, database: extensions.connection) -> None:
        self._broker = broker
        self._database = database
        self._producer = broker.Producer()
        Queue(QUEUE)(broker.default_channel).declare()

    def publish(self, texts: Iterable[str], *, priority: int = 0, **headers: object) -> None:
        """Publish one by one, as tasks are."""
        for text in texts:
            self._producer.publish(text, routing_key=QUEUE, headers=headers, priority=priority)

    def publish_at_once(self, texts: Iterable[str], **headers: object) -> None:
        """Publish in one transaction, as batches are."""
        channel = self._broker.default_channel
        raw = [
            channel.prepare_message(text, content_type="text/plain", content_encoding="utf-8", headers=headers)
            for text in texts
        ]
        publish(self._database, [Message.of(QUEUE, message) for message in raw])
        self._database.commit()

    def claim(self, count: int) -> list[str]:
        """Consume so many messages, one after another, and return their texts."""
        texts: list[str] = []

        def receive(text: str, message: Delivery) -> None:
            message.ack()
            texts.append(text)

        channel = self._broker.default_channel
        queues = [Queue(QUEUE)]
        with Consumer(channel, queues, callbacks=[receive], prefetch_count=1, accept=["text/plain"]):
            while len(texts) < count:
                self._broker.drain_events(timeout=DELIVERY_SECONDS)
        return texts


@pytest.fixture
def queue(empty_database_url: str) -> Iterator[FairQueue]:
    """Give an empty queue."""
    with (
        Connection(empty_database_url, transport="kombu_postgres:Transport") as broker,
        contextlib.closing(psycopg2.connect(empty_database_url)) as database,
    ):
        broker.connect()
        yield FairQueue(broker, database)


@pytest.mark.parametrize("before", [0, 50], ids=["untouched", "partly done"])
def test_ten_messages_of_a_new_key_are_claimed_within_forty_although_ten_thousand_of_another_wait(
    queue: FairQueue, before: int
) -> None:
    queue.publish_at_once(["large"] * 10_000, fairness_key="large")
    assert set(queue.claim(before)) <= {"large"}
    queue.publish_at_once(["small"] * 10, fairness_key="small")
    assert queue.claim(40).count("small") == 10


def test_a_task_published_alone_under_a_new_key_does_not_wait_either(queue: FairQueue) -> None:
    queue.publish_at_once(["large"] * 1_000, fairness_key="large")
    queue.publish(["small"] * 10, fairness_key="small")
    assert queue.claim(40).count("small") == 10


def test_a_key_is_not_held_up_by_messages_without_one(queue: FairQueue) -> None:
    queue.publish_at_once(["none"] * 1_000)
    queue.publish_at_once(["small"] * 10, fairness_key="small")
    assert queue.claim(40).count("small") == 10


def test_keys_take_turns(queue: FairQueue) -> None:
    for key in ("one", "two", "three"):
        queue.publish_at_once([key] * 100, fairness_key=key)
    claimed = Counter(queue.claim(90))
    assert set(claimed.values()) <= {29, 30, 31}


def test_a_weight_is_a_share(queue: FairQueue) -> None:
    queue.publish_at_once(["heavy"] * 100, fairness_key="heavy", fairness_weight=3)
    queue.publish_at_once(["light"] * 100, fairness_key="light")
    claimed = Counter(queue.claim(80))
    assert 59 <= claimed["heavy"] <= 61


def test_the_messages_of_a_key_keep_their_order(queue: FairQueue) -> None:
    queue.publish_at_once([f"one {n}" for n in range(20)], fairness_key="one")
    queue.publish_at_once([f"two {n}" for n in range(20)], fairness_key="two")
    queue.publish([f"one {n}" for n in range(20, 25)], fairness_key="one")
    claimed = queue.claim(45)
    assert [text for text in claimed if text.startswith("one")] == [f"one {n}" for n in range(25)]
    assert [text for text in claimed if text.startswith("two")] == [f"two {n}" for n in range(20)]


def test_without_keys_the_first_message_goes_first(queue: FairQueue) -> None:
    queue.publish_at_once(map(str, range(50)))
    queue.publish(map(str, range(50, 100)))
    queue.publish_at_once(map(str, range(100, 150)))
    assert queue.claim(150) == [str(n) for n in range(150)]


def test_priority_goes_before_fairness(queue: FairQueue) -> None:
    queue.publish_at_once(["small"] * 5, fairness_key="small")
    queue.publish(["urgent"] * 20, fairness_key="large", priority=9)
    assert queue.claim(20) == ["urgent"] * 20
