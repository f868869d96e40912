"""Attempts at items: claiming one, keeping it alive, and ending it exactly once.

A claim raises `attempt`, the fencing token: whoever ends an attempt must name its number, so that a worker that was
given up for dead and comes back changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL

from reports_core.domain.batch import ItemStatus
from reports_core.domain.retry import WORKER_LOST, Failure
from reports_core.storage import changes, dispatch, endings, events, outcomes, queue, reports, webhooks
from reports_core.storage.endings import AttemptKey, Ended, Ending
from reports_core.storage.queue import Queue
from reports_core.storage.records import Batch, Item

_MESSAGE = text("SELECT message_id FROM batch_items WHERE batch_id = :batch_id AND position = :position")
# What a delivery finds. An attempt is over when its lease has ended, or when the broker gives its own message to
# somebody else: it does that only when the worker is gone. `held_until` is when to look again.
_STANDING = text("""
    SELECT status, attempt,
        status = 'PROCESSING' AND (lease_expires_at < now()
            OR (:redelivered AND message_id = CAST(:message_id AS uuid))) AS lost,
        CASE WHEN status = 'PROCESSING' THEN lease_expires_at WHEN next_attempt_at > now() THEN next_attempt_at END
            AS held_until
    FROM batch_items WHERE batch_id = :batch_id AND position = :position
""")
_CLAIM = text("""
    UPDATE batch_items SET status = 'PROCESSING', attempt = attempt + 1, message_id = :message_id,
        lease_owner = :worker_id, lease_expires_at = now() + :lease, next_attempt_at = NULL,
        error_reason = NULL, error_message = NULL, started_at = coalesce(started_at, clock_timestamp())
    WHERE batch_id = :batch_id AND position = :position
        AND (status = 'PENDING' OR (status = 'RETRYING' AND next_attempt_at <= now()))
    RETURNING *
""").bindparams(bindparam("lease", type_=INTERVAL))
_REPORT = text("""
    SELECT report_type, fiscal_period, content_sha256
    FROM reports WHERE report_id = :report_id
""")
# Only what the worker really runs: an item whose process died unnoticed must not be kept alive by its siblings. Never
# waits for a row while it has others: whoever ends attempts locks several too, and an item that is locked is alive or
# about to end. There are further renewals before its lease is over.
_RENEW = text("""
    UPDATE batch_items i SET lease_expires_at = now() + :lease
    FROM (
        SELECT batch_id, position FROM batch_items
        WHERE status = 'PROCESSING' AND lease_owner = :worker_id AND message_id = ANY(CAST(:message_ids AS uuid[]))
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS running WHERE i.batch_id = running.batch_id AND i.position = running.position
""").bindparams(bindparam("lease", type_=INTERVAL))
_RUNNING_UNDER = text("""
    SELECT batch_id, position, attempt FROM batch_items
    WHERE status = 'PROCESSING' AND lease_owner = :worker_id AND message_id = :message_id
        AND batch_id = :batch_id AND position = :position
""")
_EXPIRED = text("""
    SELECT batch_id, position, attempt FROM batch_items
    WHERE status = 'PROCESSING' AND lease_expires_at < now() ORDER BY lease_expires_at LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that reached a worker; `redelivered` says that the broker gave it to a worker before."""

    batch_id: UUID
    task_id: UUID
    position: int
    message_id: UUID
    worker_id: UUID
    redelivered: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A running attempt and what it needs to know of its report."""

    key: AttemptKey
    task_id: UUID
    report_id: UUID
    report_type: str
    fiscal_period: str
    content_sha256: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of a delivery.

    It starts an `attempt`; or it is put back into the queue, to come again at `held_until`; or, with neither, there is
    nothing to do for it. Before that it may have ended the `lost` attempt of a worker that is gone.
    """

    attempt: Attempt | None = None
    held_until: datetime | None = None
    lost: Ended | None = None


def claim(conn: Connection, delivery: Delivery, *, lease: timedelta, broker: Queue) -> Claim:
    """Start an attempt at the item of a delivery, if it is its turn.

    A delivery that comes while a live attempt holds the item, or before the next attempt is due, is put back in this
    transaction: the broker has its message still when this worker is gone before the acknowledgement. Nothing is to be
    done when the item is final, or when the batch is in another execution.
    """
    batch = outcomes.lock(conn, delivery.batch_id, broker)
    if batch is None or batch.task_id != delivery.task_id or batch.status.final:
        return Claim()
    standing, lost = _standing(conn, delivery), None
    if standing.lost:
        batch, (item,) = endings.end(conn, batch, [Ending(delivery.position, standing.attempt, failure=WORKER_LOST)])
        lost = Ended(item, batch)
        standing = _standing(conn, delivery)
    if standing.held_until is not None:
        _put_back(conn, batch, delivery, standing.held_until, broker)
        return Claim(held_until=standing.held_until, lost=lost)
    return Claim(_start(conn, batch, delivery, ItemStatus(standing.status), lease), lost=lost)


def _key(delivery: Delivery, attempt: int) -> AttemptKey:
    return AttemptKey(delivery.batch_id, delivery.position, attempt)


def _standing(conn: Connection, delivery: Delivery) -> Row[Any]:
    """Return how an item stands for a delivery; the caller holds the lock of the batch."""
    return conn.execute(
        _STANDING,
        {
            "batch_id": delivery.batch_id,
            "position": delivery.position,
            "message_id": delivery.message_id,
            "redelivered": delivery.redelivered,
        },
    ).one()


def _put_back(conn: Connection, batch: Batch, delivery: Delivery, due_at: datetime, broker: Queue) -> None:
    message = queue.process_report(
        batch.batch_id, batch.task_id, delivery.position, delivery.message_id, batch.priority, due_at
    )
    broker.put(conn, queue.REPORT_QUEUE, [message])


def _start(
    conn: Connection, batch: Batch, delivery: Delivery, previous: ItemStatus, lease: timedelta
) -> Attempt | None:
    where = {"batch_id": delivery.batch_id, "position": delivery.position}
    owner = {"message_id": delivery.message_id, "worker_id": delivery.worker_id, "lease": lease}
    row = conn.execute(_CLAIM, {**where, **owner}).one_or_none()
    if row is None:
        return None
    item = Item.of(row)
    counters = batch.counters.after(previous, ItemStatus.PROCESSING)
    changes.apply(conn, batch, counters, [events.item_changed(batch, previous, item, counters)])
    report = conn.execute(_REPORT, {"report_id": item.report_id}).one()
    reports.show(conn, [item], [None])
    return Attempt(
        key=_key(delivery, item.attempt),
        task_id=batch.task_id,
        report_id=item.report_id,
        report_type=report.report_type,
        fiscal_period=report.fiscal_period,
        content_sha256=report.content_sha256,
    )


def end_lost(conn: Connection, key: AttemptKey, broker: Queue) -> Ended | None:
    """End an attempt whose worker is gone; None when it was over already.

    The next attempt is that of the same message, which the broker gives to another worker, or else of a new one.
    """
    ended = _end(conn, key, WORKER_LOST, broker)
    if ended and ended.item.status is ItemStatus.RETRYING and broker.transactional:
        message_id = conn.execute(_MESSAGE, {"batch_id": key.batch_id, "position": key.position}).scalar_one()
        if broker.missing(conn, queue.REPORT_QUEUE, [message_id]):
            dispatch.dispatch_next(conn, ended.batch, [ended.item], broker)
        else:
            dispatch.dispatched_already(conn, ended.batch, ended.item)
    return ended


def end_failed(conn: Connection, key: AttemptKey, failure: Failure, broker: Queue) -> Ended | None:
    """End an attempt that its worker stopped by force; None when it was over already.

    The next attempt, if there is to be one, is that of a new message: the worker acknowledges that of this one.
    """
    ended = _end(conn, key, failure, broker)
    if ended:
        dispatch.dispatch_next(conn, ended.batch, [ended.item], broker)
    return ended


def end_cancelled(conn: Connection, key: AttemptKey) -> Ended | None:
    """End an attempt that was cancelled or revoked while it ran; None when it was over already."""
    return _end(conn, key, None, None)


def _end(conn: Connection, key: AttemptKey, failure: Failure | None, broker: Queue | None) -> Ended | None:
    batch = outcomes.lock(conn, key.batch_id, broker)
    if batch is None:
        return None
    after, items = endings.end(conn, batch, [Ending(key.position, key.attempt, failure=failure)])
    if broker:
        webhooks.dispatch_of(conn, after, broker)
    return Ended(items[0], after) if items else None


def renew(conn: Connection, worker_id: UUID, message_ids: Collection[UUID], *, lease: timedelta) -> None:
    """Keep the attempts alive that a worker runs for these messages."""
    conn.execute(_RENEW, {"worker_id": worker_id, "message_ids": list(message_ids), "lease": lease})


def running_under(
    conn: Connection, worker_id: UUID, message_id: UUID, batch_id: UUID, position: int
) -> AttemptKey | None:
    """Return the attempt that a worker runs for a message, None when it runs none."""
    row = conn.execute(
        _RUNNING_UNDER,
        {"worker_id": worker_id, "message_id": message_id, "batch_id": batch_id, "position": position},
    ).one_or_none()
    return AttemptKey(row.batch_id, row.position, row.attempt) if row else None


def expired(conn: Connection, *, limit: int) -> list[AttemptKey]:
    """Return attempts whose lease has ended, the longest dead first."""
    return [AttemptKey(*row) for row in conn.execute(_EXPIRED, {"limit": limit})]
