"""Attempts at items: claiming one, keeping it alive, and ending it exactly once.

A claim raises `attempt`, the fencing token: whoever ends an attempt must name its number, so that a worker that was
given up for dead and comes back changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL

from reports_core.domain.analysis import ReportAnalysis
from reports_core.domain.batch import BatchStatus, ItemStatus, report_status
from reports_core.domain.retry import (
    WORKER_LOST,
    Failure,
    delay_after_failure,
    delay_after_lost_worker,
)
from reports_core.storage import analyses, changes, dispatch, events, queue
from reports_core.storage.queue import Queue
from reports_core.storage.records import Batch, Item

_ITEM = text("SELECT * FROM batch_items WHERE batch_id = :batch_id AND position = :position")
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
_END = text("""
    UPDATE batch_items SET status = :status, lease_owner = NULL, lease_expires_at = NULL, step = NULL, progress = NULL,
        failures = failures + :failures, lost_workers = lost_workers + :lost_workers,
        analysis_id = :analysis_id, error_reason = :error_reason, error_message = :error_message,
        next_attempt_at = now() + CAST(:delay AS interval),
        dispatched_at = CASE WHEN CAST(:delay AS interval) IS NULL THEN dispatched_at END,
        processed_at = CASE WHEN CAST(:delay AS interval) IS NULL THEN clock_timestamp() END
    WHERE batch_id = :batch_id AND position = :position AND attempt = :attempt AND status = 'PROCESSING'
    RETURNING *
""").bindparams(bindparam("delay", type_=INTERVAL))
_UPDATE_REPORT = text("""
    UPDATE reports SET status = :status, updated_at = clock_timestamp(),
        latest_analysis_id = coalesce(CAST(:analysis_id AS uuid), latest_analysis_id),
        content_type = coalesce(:content_type, content_type)
    WHERE report_id = :report_id
""")
_ANALYSED_BEFORE = text("SELECT latest_analysis_id IS NOT NULL FROM reports WHERE report_id = :report_id")
# Only what the worker really runs: an item whose process died unnoticed must not be kept alive by its siblings.
_RENEW = text("""
    UPDATE batch_items SET lease_expires_at = now() + :lease
    WHERE status = 'PROCESSING' AND lease_owner = :worker_id AND message_id = ANY(CAST(:message_ids AS uuid[]))
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
class AttemptKey:
    """One attempt at one item; `attempt` is the fencing token."""

    batch_id: UUID
    position: int
    attempt: int


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
class Outcome:
    """What an attempt leaves behind; exactly one of the three is the reason why it ended."""

    analysis: ReportAnalysis | None = None
    failure: Failure | None = None
    cancelled: bool = False
    processing_time: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Ended:
    """The item and its batch after an attempt ended."""

    item: Item
    batch: Batch


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
    batch = changes.lock(conn, delivery.batch_id)
    if batch is None or batch.task_id != delivery.task_id or batch.status.final:
        return Claim()
    standing, lost = _standing(conn, delivery), None
    if standing.lost:
        lost = _end(conn, _key(delivery, standing.attempt), Outcome(failure=WORKER_LOST), None)
        batch = lost.batch if lost else batch
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
    _update_report(conn, item, None)
    return Attempt(
        key=_key(delivery, item.attempt),
        task_id=batch.task_id,
        report_id=item.report_id,
        report_type=report.report_type,
        fiscal_period=report.fiscal_period,
        content_sha256=report.content_sha256,
    )


class AttemptOver(Exception):
    """The attempt was ended by somebody else; undo the transaction, nothing of it may stay."""


def finish(conn: Connection, attempt: Attempt, outcome: Outcome, broker: Queue) -> Ended:
    """End an attempt with its outcome, once.

    In one transaction: the analysis, the item, the counters, the event, the message of the next attempt, and for the
    last item the end of the batch. With a broker elsewhere the sweeper publishes the message when it is due. Raises
    AttemptOver.
    """
    analysis_id = uuid4() if outcome.analysis else None
    if outcome.analysis and analysis_id:
        # Before the lock of the batch, which all its other items wait for. Undone if the attempt turns out to be over.
        stored = analyses.insert(
            conn, analysis_id, attempt.report_id, attempt.task_id, outcome.analysis, outcome.processing_time
        )
        if not stored:
            raise AttemptOver
    ended = _end(conn, attempt.key, outcome, analysis_id)
    if ended is None:
        raise AttemptOver
    if ended.item.status is ItemStatus.RETRYING and broker.transactional:
        dispatch.dispatch_next(conn, ended.batch, ended.item, broker)
    return ended


def end_lost(conn: Connection, key: AttemptKey, broker: Queue) -> Ended | None:
    """End an attempt whose worker is gone; None when it was over already.

    The next attempt is that of the same message, which the broker gives to another worker, or else of a new one.
    """
    ended = _end(conn, key, Outcome(failure=WORKER_LOST), None)
    if ended and ended.item.status is ItemStatus.RETRYING and broker.transactional:
        message_id = conn.execute(_MESSAGE, {"batch_id": key.batch_id, "position": key.position}).scalar_one()
        if broker.missing(conn, queue.REPORT_QUEUE, [message_id]):
            dispatch.dispatch_next(conn, ended.batch, ended.item, broker)
        else:
            dispatch.dispatched_already(conn, ended.batch, ended.item)
    return ended


def end_failed(conn: Connection, key: AttemptKey, failure: Failure, broker: Queue) -> Ended | None:
    """End an attempt that its worker stopped by force; None when it was over already.

    The next attempt, if there is to be one, is that of a new message: the worker acknowledges that of this one.
    """
    ended = _end(conn, key, Outcome(failure=failure), None)
    if ended and ended.item.status is ItemStatus.RETRYING and broker.transactional:
        dispatch.dispatch_next(conn, ended.batch, ended.item, broker)
    return ended


def end_cancelled(conn: Connection, key: AttemptKey) -> Ended | None:
    """End an attempt that was cancelled or revoked while it ran; None when it was over already."""
    return _end(conn, key, Outcome(cancelled=True), None)


def _end(conn: Connection, key: AttemptKey, outcome: Outcome, analysis_id: UUID | None) -> Ended | None:
    batch = changes.lock(conn, key.batch_id)
    if batch is None:
        return None
    where = {"batch_id": key.batch_id, "position": key.position}
    item = Item.of(conn.execute(_ITEM, where).one())
    status, delay = _decide(batch, item, outcome)
    lost = outcome.failure is WORKER_LOST
    # Items say why they failed or wait; one that is cancelled does neither.
    failure = None if status is ItemStatus.CANCELLED else outcome.failure
    row = conn.execute(
        _END,
        {
            **where,
            "attempt": key.attempt,
            "status": status,
            "failures": int(outcome.failure is not None and not lost),
            "lost_workers": int(lost),
            "analysis_id": analysis_id,
            "error_reason": failure.reason if failure else None,
            "error_message": failure.message if failure else None,
            "delay": delay,
        },
    ).one_or_none()
    if row is None:
        return None
    item = Item.of(row)
    counters = batch.counters.after(ItemStatus.PROCESSING, status)
    after = changes.apply(conn, batch, counters, [events.item_changed(batch, ItemStatus.PROCESSING, item, counters)])
    _update_report(conn, item, outcome.analysis)
    return Ended(item, after)


def _decide(batch: Batch, item: Item, outcome: Outcome) -> tuple[ItemStatus, timedelta | None]:
    """Return the status of the item after its attempt, and how long to wait for another one."""
    if outcome.analysis is not None:
        return ItemStatus.COMPLETED, None
    if outcome.failure is None or outcome.cancelled:
        return ItemStatus.CANCELLED, None
    if outcome.failure is WORKER_LOST:
        delay = delay_after_lost_worker(item.lost_workers + 1)
    else:
        delay = delay_after_failure(outcome.failure, item.failures + 1)
    if delay is None:
        return ItemStatus.FAILED, None
    if batch.status is BatchStatus.CANCELLING:
        return ItemStatus.CANCELLED, None
    return ItemStatus.RETRYING, delay


def _update_report(conn: Connection, item: Item, analysis: ReportAnalysis | None) -> None:
    analysed_before = bool(conn.execute(_ANALYSED_BEFORE, {"report_id": item.report_id}).scalar_one())
    conn.execute(
        _UPDATE_REPORT,
        {
            "report_id": item.report_id,
            "status": report_status(item.status, analysed_before=analysed_before),
            "analysis_id": item.analysis_id,
            "content_type": analysis.content_type if analysis else None,
        },
    )


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
