"""Publishing and consuming plain messages, without Celery."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Self

import psycopg2
from kombu import Connection, Consumer, Queue
from kombu import Message as Delivery
from kombu.asynchronous import Hub

from kombu_postgres import Message, publish

_BODY_BYTES = 1024
# Half of the random bytes do not compress, as little as real payloads do.
_BODIES = [random.Random(number).randbytes(_BODY_BYTES // 2).hex() for number in range(64)]


def _connect(url: str) -> Connection:
    return Connection(url, transport="kombu_postgres:Transport")


class Publisher:
    """Publishes messages of 1 KB to one queue while the context is entered."""

    def __init__(self, url: str, queue: str) -> None:
        self._url = url
        self._queue = queue
        self._published = 0
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        broker = self._resources.enter_context(_connect(self._url))
        Queue(self._queue)(broker.default_channel).declare()
        self._producer = broker.Producer()
        self._database = self._resources.enter_context(contextlib.closing(psycopg2.connect(self._url)))
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def publish(self) -> None:
        """Publish one message."""
        self._producer.publish(self._next_body(), routing_key=self._queue)

    def publish_many(self, count: int) -> None:
        """Publish so many in one transaction."""
        wakeup = publish(self._database, [self._message() for _ in range(count)])
        self._database.commit()
        wakeup.fire(self._database)

    def _message(self) -> Message:
        delivery_info = {"exchange": "", "routing_key": self._queue}
        raw = {
            "body": self._next_body(),
            "content-type": "text/plain",
            "content-encoding": "utf-8",
            "headers": {},
            "properties": {"delivery_mode": 2, "delivery_info": delivery_info, "priority": 0},
        }
        return Message(self._queue, json.dumps(raw))

    def _next_body(self) -> str:
        self._published += 1
        return _BODIES[self._published % len(_BODIES)]


@contextlib.contextmanager
def consuming(url: str, queue: str, *, prefetch: int, on_message: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Acknowledge message by message on an event loop, as Celery has it; yields what turns the loop once."""

    def acknowledge(_body: Any, message: Delivery) -> None:
        message.ack()
        on_message()

    hub = Hub()
    with _connect(url) as connection:
        connection.register_with_event_loop(hub)
        consumer = Consumer(
            connection.default_channel,
            [Queue(queue)],
            callbacks=[acknowledge],
            prefetch_count=prefetch,
            accept=["text/plain"],
        )
        loop = hub.create_loop()
        with consumer:
            yield lambda: next(loop)
    hub.close()
