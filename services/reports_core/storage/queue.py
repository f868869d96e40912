"""Celery messages: what they say, and how they get into the broker's tables or to another broker."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4, uuid5

from celery import Celery
from kombu.serialization import dumps
from sqlalchemy import Connection, text

import kombu_postgres
from kombu_postgres.sqlalchemy import publish
from reports_core.storage.transactions import wakeups_of

BATCH_QUEUE = "batch_processing"
REPORT_QUEUE = "report_processing"
DEFAULT_QUEUE = "default"

PROCESS_BATCH = "reports.process_batch"
PROCESS_REPORT = "reports.process_report"
DELIVER_WEBHOOK = "reports.deliver_webhook"


@dataclass(frozen=True, slots=True)
class Message:
    """One Celery task to run; `message_id` is the id of the task, `priority` is 0 to 9, 9 first.

    It is not delivered before `due_at`. Messages of one queue with different `fairness_key`s take turns.
    """

    message_id: UUID
    task: str
    args: tuple[str | int, ...]
    priority: int
    fairness_key: str | None = None
    due_at: datetime | None = None

    @property
    def own_headers(self) -> dict[str, str]:
        """What the message says beyond Celery's own headers."""
        return {} if self.fairness_key is None else {"fairness_key": self.fairness_key}


def process_batch(batch_id: UUID, task_id: UUID, priority: int) -> Message:
    """Return the message that dispatches an execution; the Celery task has the execution's id."""
    return Message(task_id, PROCESS_BATCH, (str(batch_id), str(task_id)), priority)


def process_report(
    batch_id: UUID, task_id: UUID, position: int, message_id: UUID, priority: int, due_at: datetime | None = None
) -> Message:
    """Return the message that processes one item; batches take turns, so that a small one overtakes a large one."""
    args = (str(batch_id), str(task_id), position)
    return Message(message_id, PROCESS_REPORT, args, priority, fairness_key=str(batch_id), due_at=due_at)


def deliver_webhook(
    delivery_id: UUID, attempt: int, message_id: UUID, priority: int, due_at: datetime | None = None
) -> Message:
    """Return the message that attempts a webhook; `attempt` is the number of attempts before."""
    return Message(message_id, DELIVER_WEBHOOK, (str(delivery_id), attempt), priority, due_at=due_at)


def report_message_id(task_id: UUID, position: int, dispatch: int) -> UUID:
    """Return the id of an item's message; `dispatch` counts the messages sent for it before.

    Whoever dispatches it again after a crash gives it the same one.
    """
    return uuid5(task_id, f"{position}/{dispatch}")


class Queue(Protocol):
    """Where messages go."""

    transactional: bool
    """True when `put` is part of the caller's transaction; else it takes effect at once, and cannot be undone."""

    def put(self, conn: Connection, queue: str, messages: Sequence[Message]) -> None:
        """Put messages into a queue; `conn` is in a transaction of `transactions`, which wakes workers at its end."""

    def missing(self, conn: Connection, queue: str, message_ids: Collection[UUID]) -> set[UUID]:
        """Return those of the messages that are in the queue no longer; none where the broker cannot tell.

        A message stays in the queue until it is acknowledged, so also while a worker has it.
        """


class DatabaseQueue:
    """The tables of `kombu_postgres`, in the application's own database."""

    transactional = True

    # LIMIT keeps it at one look into the index per id: without it the planner may choose to read the whole queue.
    _MISSING = text("""
        SELECT m.id FROM unnest(CAST(:message_ids AS text[])) AS m(id) LEFT JOIN LATERAL (
            SELECT true AS waits FROM kombu_message WHERE message_id = m.id AND queue = :queue LIMIT 1
        ) AS k ON true WHERE k.waits IS NULL
    """)

    def __init__(self) -> None:
        self._celery = Celery(set_as_current=False)

    def put(self, conn: Connection, queue: str, messages: Sequence[Message]) -> None:
        rows = [kombu_postgres.Message.of(queue, self._raw(queue, message)) for message in messages]
        wakeups_of(conn).add(publish(conn, rows))

    def missing(self, conn: Connection, queue: str, message_ids: Collection[UUID]) -> set[UUID]:
        if not message_ids:
            return set()
        asked = {"queue": queue, "message_ids": [str(message_id) for message_id in message_ids]}
        return {UUID(message_id) for message_id in conn.execute(self._MISSING, asked).scalars()}

    def _raw(self, queue: str, message: Message) -> dict[str, Any]:
        """Return the message as kombu's virtual channels have it."""
        built = self._celery.amqp.as_task_v2(
            str(message.message_id), message.task, args=message.args, eta=message.due_at, ignore_result=True
        )
        content_type, content_encoding, body = dumps(built.body, serializer="json")
        return {
            "body": body,
            "content-type": content_type,
            "content-encoding": content_encoding,
            "headers": built.headers | message.own_headers,
            "properties": {
                **built.properties,
                "body_encoding": None,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "delivery_mode": 2,
                "delivery_tag": str(uuid4()),
                "priority": message.priority,
            },
        }


class CeleryQueue:
    """Any broker that Celery can publish to; a message that is not there yet is published by the sweeper."""

    transactional = False

    def __init__(self, broker_url: str) -> None:
        self._celery = Celery(set_as_current=False)
        self._celery.conf.update(broker_settings(broker_url))

    def put(self, conn: Connection, queue: str, messages: Sequence[Message]) -> None:
        with self._celery.producer_pool.acquire(block=True) as producer:
            for message in messages:
                self._celery.send_task(
                    message.task,
                    args=message.args,
                    task_id=str(message.message_id),
                    queue=queue,
                    priority=message.priority,
                    headers=message.own_headers,
                    eta=message.due_at,
                    producer=producer,
                    ignore_result=True,
                )

    def missing(self, conn: Connection, queue: str, message_ids: Collection[UUID]) -> set[UUID]:
        return set()


def queue_for(broker_url: str | None) -> Queue:
    """Return the queue of the configured broker; None means the application's own database."""
    return DatabaseQueue() if broker_url is None else CeleryQueue(broker_url)


def broker_settings(url: str) -> dict[str, str]:
    """Return Celery's settings for a broker; a URL cannot name a transport of ours."""
    if not url.startswith(("postgresql://", "postgres://")):
        return {"broker_url": url}
    return {"broker_url": url, "broker_transport": "kombu_postgres:Transport"}
