"""Webhooks: one delivery for each execution that is over, sent at least once by messages of the default queue.

The delivery is written in the transaction that ends the execution, so that none is missed and none is made twice.
`attempt` is the fence: an attempt that was overtaken by another one writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid4, uuid5

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL, JSONB

from reports_core.domain.errors import WebhookDeliveryNotFound, WebhookSecretMissing
from reports_core.domain.webhook import PREVIOUS_SECRET_KEPT, DeliveryStatus
from reports_core.storage import queue
from reports_core.storage.queue import Queue
from reports_core.storage.records import Batch, Json

_JSON = {"payload": JSONB, "attempts": JSONB}
_KEPT_ATTEMPTS = 50
_PRIORITY = 9

_SETTINGS = text("SELECT * FROM webhook_settings WHERE owner = :owner")
_SET_URL = text("UPDATE webhook_settings SET url = :url WHERE owner = :owner RETURNING *")
_SET_SECRET = text("""
    INSERT INTO webhook_settings AS s (owner, secret) VALUES (:owner, :secret)
    ON CONFLICT (owner) DO UPDATE SET secret = excluded.secret, secret_created_at = excluded.secret_created_at,
        previous_secret = s.secret, previous_secret_until = now() + :kept
    RETURNING *
""").bindparams(bindparam("kept", type_=INTERVAL))
_RECORD = text("""
    INSERT INTO webhook_deliveries (delivery_id, batch_id, task_id, owner, url, payload)
    VALUES (:delivery_id, :batch_id, :task_id, :owner, :url, :payload)
""").bindparams(bindparam("payload", type_=JSONB))
_DISPATCH = text("""
    UPDATE webhook_deliveries SET dispatched_at = now()
    WHERE delivery_id = ANY(CAST(:delivery_ids AS uuid[])) AND status IN ('PENDING', 'RETRYING')
    RETURNING delivery_id, attempt, CASE WHEN next_attempt_at > now() THEN next_attempt_at END AS due_at
""")
_OF_EXECUTION = text("SELECT delivery_id FROM webhook_deliveries WHERE task_id = :task_id AND dispatched_at IS NULL")
# One that was dispatched long enough ago may have lost its message.
_DUE = text("""
    SELECT delivery_id, attempt, dispatched_at FROM webhook_deliveries
    WHERE status IN ('PENDING', 'RETRYING') AND next_attempt_at <= now() AND (dispatched_at IS NULL
        OR greatest(dispatched_at, next_attempt_at) < now() - :grace)
    ORDER BY next_attempt_at LIMIT :limit
""").bindparams(bindparam("grace", type_=INTERVAL))
_TAKE = text("""
    SELECT d.*, s.secret, CASE WHEN s.previous_secret_until > now() THEN s.previous_secret END AS previous_secret
    FROM webhook_deliveries d JOIN webhook_settings s USING (owner)
    WHERE d.delivery_id = :delivery_id AND d.attempt = :attempt AND status IN ('PENDING', 'RETRYING')
""").columns(**_JSON)
_END = (
    text("""
    UPDATE webhook_deliveries SET status = :status, attempt = attempt + 1, failures = failures + :failed,
        attempts = CASE WHEN jsonb_array_length(attempts) < :kept THEN attempts ELSE attempts - 0 END
            || jsonb_build_array(CAST(:entry AS jsonb)),
        next_attempt_at = now() + CAST(:delay AS interval), dispatched_at = NULL,
        delivered_at = CASE WHEN :status = 'DELIVERED' THEN now() END
    WHERE delivery_id = :delivery_id AND attempt = :attempt AND status IN ('PENDING', 'RETRYING')
    RETURNING *
""")
    .bindparams(bindparam("entry", type_=JSONB), bindparam("delay", type_=INTERVAL))
    .columns(**_JSON)
)
_LIST = text("""
    SELECT d.* FROM webhook_deliveries d JOIN batches b USING (batch_id)
    WHERE d.batch_id = :batch_id AND b.owner = :owner ORDER BY d.created_at DESC, d.delivery_id LIMIT 100
""").columns(**_JSON)
_REDELIVER = text("""
    UPDATE webhook_deliveries d SET status = 'PENDING', failures = 0, next_attempt_at = now(), dispatched_at = NULL,
        delivered_at = NULL
    FROM batches b
    WHERE d.delivery_id = :delivery_id AND d.batch_id = :batch_id AND b.batch_id = d.batch_id AND b.owner = :owner
    RETURNING d.*
""").columns(**_JSON)
_EXPIRE = text("DELETE FROM webhook_deliveries WHERE created_at < now() - :expires").bindparams(
    bindparam("expires", type_=INTERVAL)
)


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What an owner has set; `secret_created_at` is None before the first secret."""

    url: str = ""
    secret_created_at: datetime | None = None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(row.url or "", row.secret_created_at)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that is over: `error` is None when the receiver took it, `response_status` when it did not answer."""

    started_at: datetime
    duration: timedelta
    response_status: int | None
    error: str | None

    @classmethod
    def of_json(cls, entry: Json) -> Self:
        return cls(
            datetime.fromisoformat(entry["started_at"]),
            timedelta(seconds=entry["seconds"]),
            entry["response_status"],
            entry["error"],
        )

    def to_json(self) -> Json:
        return {
            "started_at": self.started_at.isoformat(),
            "seconds": self.duration.total_seconds(),
            "response_status": self.response_status,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of `webhook_deliveries`."""

    delivery_id: UUID
    batch_id: UUID
    task_id: UUID
    url: str
    payload: Json
    status: DeliveryStatus
    attempt: int
    failures: int
    attempts: Sequence[Attempt]
    next_attempt_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(
            delivery_id=row.delivery_id,
            batch_id=row.batch_id,
            task_id=row.task_id,
            url=row.url,
            payload=row.payload,
            status=DeliveryStatus(row.status),
            attempt=row.attempt,
            failures=row.failures,
            attempts=[Attempt.of_json(entry) for entry in row.attempts],
            next_attempt_at=row.next_attempt_at,
            created_at=row.created_at,
            delivered_at=row.delivered_at,
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery to be attempted now, and the secrets to sign it with."""

    delivery: Delivery
    secrets: Sequence[str]


def settings(conn: Connection, owner: str) -> WebhookSettings:
    """Return what the owner has set."""
    row = conn.execute(_SETTINGS, {"owner": owner}).one_or_none()
    return WebhookSettings.of(row) if row else WebhookSettings()


def set_url(conn: Connection, owner: str, url: str) -> WebhookSettings:
    """Set the URL of batches without one, empty for none. Raises WebhookSecretMissing."""
    row = conn.execute(_SET_URL, {"owner": owner, "url": url or None}).one_or_none()
    if row is None:
        raise WebhookSecretMissing
    return WebhookSettings.of(row)


def set_secret(conn: Connection, owner: str, secret: str) -> WebhookSettings:
    """Sign with this secret from now on, and with the one before for a day."""
    row = conn.execute(_SET_SECRET, {"owner": owner, "secret": secret, "kept": PREVIOUS_SECRET_KEPT}).one()
    return WebhookSettings.of(row)


def url_of(conn: Connection, owner: str, given: str) -> str | None:
    """Return where the webhooks of a new batch go: the given URL, else the owner's, None for nowhere.

    Raises WebhookSecretMissing.
    """
    found = settings(conn, owner)
    if given and found.secret_created_at is None:
        raise WebhookSecretMissing
    return given or found.url or None


def record(conn: Connection, batch: Batch) -> None:
    """Write the delivery of an execution that is over, in the transaction that ends it."""
    if batch.webhook_url is None:
        return
    conn.execute(
        _RECORD,
        {
            "delivery_id": uuid4(),
            "batch_id": batch.batch_id,
            "task_id": batch.task_id,
            "owner": batch.owner,
            "url": batch.webhook_url,
            "payload": _payload(batch),
        },
    )


def dispatch_of(conn: Connection, batch: Batch, broker: Queue) -> None:
    """Put the message of an execution that has just ended into the queue; with a broker elsewhere the sweeper does."""
    if batch.status.final and batch.webhook_url is not None and broker.transactional:
        dispatch(conn, list(conn.execute(_OF_EXECUTION, {"task_id": batch.task_id}).scalars()), broker)


def dispatch(conn: Connection, delivery_ids: Sequence[UUID], broker: Queue) -> int:
    """Put a message for the next attempt of each of these deliveries into the queue; return how many were put."""
    rows = conn.execute(_DISPATCH, {"delivery_ids": list(delivery_ids)}).all() if delivery_ids else []
    messages = [
        queue.deliver_webhook(
            row.delivery_id,
            row.attempt,
            _message_id(row.delivery_id, row.attempt),
            _PRIORITY,
            row.due_at,
        )
        for row in rows
    ]
    broker.put(conn, queue.DEFAULT_QUEUE, messages)
    return len(messages)


def due(conn: Connection, broker: Queue, *, grace: timedelta, limit: int) -> list[UUID]:
    """Return deliveries that are due and were not dispatched, or whose message is gone."""
    rows = conn.execute(_DUE, {"grace": grace, "limit": limit}).all()
    dispatched = {_message_id(row.delivery_id, row.attempt): row.delivery_id for row in rows if row.dispatched_at}
    gone = broker.missing(conn, queue.DEFAULT_QUEUE, dispatched.keys())
    return [row.delivery_id for row in rows if not row.dispatched_at] + [dispatched[lost] for lost in gone]


def take(conn: Connection, delivery_id: UUID, attempt: int) -> Taken | None:
    """Return the delivery to attempt; None when this attempt is over, or the delivery is.

    Taking it writes nothing: a worker that dies leaves the message, and another one attempts it again.
    """
    row = conn.execute(_TAKE, {"delivery_id": delivery_id, "attempt": attempt}).one_or_none()
    if row is None:
        return None
    return Taken(Delivery.of(row), [secret for secret in (row.secret, row.previous_secret) if secret])


def end(
    conn: Connection,
    delivery: Delivery,
    attempt: Attempt,
    status: DeliveryStatus,
    delay: timedelta | None,
    broker: Queue,
) -> Delivery | None:
    """End an attempt; after `delay` there is another one if there is one. None when somebody else ended it before."""
    row = conn.execute(
        _END,
        {
            "delivery_id": delivery.delivery_id,
            "attempt": delivery.attempt,
            "status": status,
            "failed": int(attempt.error is not None),
            "kept": _KEPT_ATTEMPTS,
            "entry": attempt.to_json(),
            "delay": delay,
        },
    ).one_or_none()
    if row is not None and delay is not None and broker.transactional:
        dispatch(conn, [delivery.delivery_id], broker)
    return Delivery.of(row) if row else None


def list_of(conn: Connection, owner: str, batch_id: UUID) -> list[Delivery]:
    """Return the deliveries of a batch, the newest first, at most 100."""
    return [Delivery.of(row) for row in conn.execute(_LIST, {"batch_id": batch_id, "owner": owner})]


def redeliver(conn: Connection, owner: str, batch_id: UUID, delivery_id: UUID, broker: Queue) -> Delivery:
    """Have a delivery attempted now, as if it were new. Raises WebhookDeliveryNotFound."""
    where = {"owner": owner, "batch_id": batch_id, "delivery_id": delivery_id}
    row = conn.execute(_REDELIVER, where).one_or_none()
    if row is None:
        raise WebhookDeliveryNotFound(batch_id, delivery_id)
    if broker.transactional:
        dispatch(conn, [delivery_id], broker)
    return Delivery.of(row)


def expire(conn: Connection, expires: timedelta) -> None:
    """Delete deliveries of executions that ended earlier."""
    conn.execute(_EXPIRE, {"expires": expires})


def _message_id(delivery_id: UUID, attempt: int) -> UUID:
    return uuid5(delivery_id, str(attempt))


def _payload(batch: Batch) -> Json:
    """Return what is sent: the batch in the fields of its JSON over REST that tell how the execution ended."""
    counters = batch.counters
    return {
        "type": "batch.finished",
        "timestamp": _time(batch.processed_at),
        "data": {
            "batch_id": str(batch.batch_id),
            "task_id": str(batch.task_id),
            "status": batch.status,
            "total_reports": counters.total_reports,
            "successful": counters.successful,
            "failed": counters.failed,
            "cancelled": counters.cancelled,
            "created_at": _time(batch.created_at),
            "started_at": _time(batch.started_at),
            "processed_at": _time(batch.processed_at),
            "labels": batch.labels,
            "priority": batch.priority,
            "execution_count": batch.execution_count,
            "last_sequence": batch.last_sequence,
            "etag": batch.etag,
        },
    }


def _time(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None
