"""Celery messages: what they say, and how they get into the broker's tables or to another broker."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4, uuid5

from celery import Celery
from kombu.serialization import dumps
from sqlalchemy import Connection, text

BATCH_QUEUE = "batch_processing"
REPORT_QUEUE = "report_processing"
DEFAULT_QUEUE = "default"

PROCESS_BATCH = "reports.process_batch"
PROCESS_REPORT = "reports.process_report"


@dataclass(frozen=True, slots=True)
class Message:
    """One Celery task to run; `message_id` is the id of the task, `priority` is 0 to 9, 9 first."""

    message_id: UUID
    task: str
    args: tuple[str | int, ...]
    priority: int


def process_batch(batch_id: UUID, task_id: UUID, priority: int) -> Message:
    """Return the message that dispatches an execution; the Celery task has the execution's id."""
    return Message(task_id, PROCESS_BATCH, (str(batch_id), str(task_id)), priority)


def process_report(batch_id: UUID, task_id: UUID, position: int, dispatch: int, priority: int) -> Message:
    """Return the message that processes one item; `dispatch` counts the messages sent for it before."""
    return Message(
        report_message_id(task_id, position, dispatch),
        PROCESS_REPORT,
        (str(batch_id), str(task_id), position),
        priority,
    )


def report_message_id(task_id: UUID, position: int, dispatch: int) -> UUID:
    """Return the id of an item's message; whoever dispatches it again after a crash gives it the same one."""
    return uuid5(task_id, f"{position}/{dispatch}")


class Queue(Protocol):
    """Where messages go."""

    transactional: bool
    """True when `put` is part of the caller's transaction; else it takes effect at once, and cannot be undone."""

    def put(self, conn: Connection, queue: str, messages: Sequence[Message]) -> None:
        """Put messages into a queue."""

    def missing(self, conn: Connection, queue: str, message_ids: Collection[UUID]) -> set[UUID]:
        """Return those of the messages that wait in the queue no longer; none where the broker cannot tell."""

    def purge_delivered(self, conn: Connection) -> None:
        """Delete what the broker keeps of messages that were delivered."""


class DatabaseQueue:
    """The tables of kombu's SQLAlchemy transport, in the application's own database."""

    transactional = True

    _PUT = text("""
        INSERT INTO kombu_message (id, visible, timestamp, payload, version, queue_id)
        SELECT nextval('message_id_sequence'), true, localtimestamp, m.payload, 1, q.id
        FROM unnest(CAST(:payloads AS text[])) WITH ORDINALITY AS m(payload, ordinality),
            (SELECT id FROM kombu_queue WHERE name = :queue) AS q
        ORDER BY m.ordinality
    """)
    # The transport has no column for the id of a message.
    _WAITING = text("""
        SELECT CAST(m.payload AS json) -> 'headers' ->> 'id' AS message_id
        FROM kombu_message m JOIN kombu_queue q ON q.id = m.queue_id WHERE q.name = :queue AND m.visible
    """)
    # The transport marks a message as delivered and keeps it for ever.
    _PURGE = text("""
        DELETE FROM kombu_message WHERE id IN
        (SELECT id FROM kombu_message WHERE NOT visible LIMIT 10000 FOR UPDATE SKIP LOCKED)
    """)

    def __init__(self) -> None:
        self._celery = Celery(set_as_current=False)

    def put(self, conn: Connection, queue: str, messages: Sequence[Message]) -> None:
        payloads = [self._payload(queue, message) for message in messages]
        conn.execute(self._PUT, {"queue": queue, "payloads": payloads})

    def missing(self, conn: Connection, queue: str, message_ids: Collection[UUID]) -> set[UUID]:
        waiting = {row.message_id for row in conn.execute(self._WAITING, {"queue": queue})}
        return {message_id for message_id in message_ids if str(message_id) not in waiting}

    def purge_delivered(self, conn: Connection) -> None:
        conn.execute(self._PURGE)

    def _payload(self, queue: str, message: Message) -> str:
        """Return the message as kombu's virtual channels store it."""
        built = self._celery.amqp.as_task_v2(
            str(message.message_id), message.task, args=message.args, ignore_result=True
        )
        content_type, content_encoding, body = dumps(built.body, serializer="json")
        return json.dumps(
            {
                "body": base64.b64encode(body.encode()).decode(),
                "content-type": content_type,
                "content-encoding": content_encoding,
                "headers": built.headers,
                "properties": {
                    **built.properties,
                    "body_encoding": "base64",
                    "delivery_info": {"exchange": "", "routing_key": queue},
                    "delivery_mode": 2,
                    "delivery_tag": str(uuid4()),
                    "priority": message.priority,
                },
            },
            default=str,
        )


class CeleryQueue:
    """Any broker that Celery can publish to; a message that is not there yet is published by the sweeper."""

    transactional = False

    def __init__(self, broker_url: str) -> None:
        self._celery = Celery(broker=celery_broker_url(broker_url), set_as_current=False)

    def put(self, conn: Connection, queue: str, messages: Sequence[Message]) -> None:
        with self._celery.producer_pool.acquire(block=True) as producer:
            for message in messages:
                self._celery.send_task(
                    message.task,
                    args=message.args,
                    task_id=str(message.message_id),
                    queue=queue,
                    priority=message.priority,
                    producer=producer,
                    ignore_result=True,
                )

    def missing(self, conn: Connection, queue: str, message_ids: Collection[UUID]) -> set[UUID]:
        return set()

    def purge_delivered(self, conn: Connection) -> None:
        return None


def queue_for(broker_url: str | None) -> Queue:
    """Return the queue of the configured broker; None means the application's own database."""
    return DatabaseQueue() if broker_url is None else CeleryQueue(broker_url)


def celery_broker_url(url: str) -> str:
    """Return a broker's URL as Celery needs it: that of a database names the transport and the driver."""
    bare = url.removeprefix("sqla+")
    # A bare `postgresql://` would mean another driver.
    return "sqla+postgresql+psycopg2" + bare.removeprefix("postgresql") if bare.startswith("postgresql://") else url
