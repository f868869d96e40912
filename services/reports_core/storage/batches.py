"""Submission, reading, cancellation and retry of batches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL, JSONB

from reports_core.domain.batch import BatchStatus, Counters, ItemStatus
from reports_core.domain.errors import (
    BatchAlreadyFinal,
    BatchNotFinal,
    BatchNotFound,
    EtagMismatch,
    NothingToRetry,
    ReportNotInBatch,
    ReportsNotFound,
    RequestIdReused,
    TaskNotFound,
)
from reports_core.storage import changes, events, outcomes, queue, reports, results, webhooks
from reports_core.storage.queue import Queue
from reports_core.storage.records import JSON_COLUMNS, Batch

_INSERT = (
    text("""
    INSERT INTO batches (batch_id, owner, request_id, request_fingerprint, task_id, status, total_reports, labels,
        priority, execution_timeout, last_sequence, webhook_url)
    VALUES (:batch_id, :owner, :request_id, :fingerprint, :task_id, 'PROCESSING', :total_reports, :labels,
        :priority, :execution_timeout, 1, :webhook_url)
    ON CONFLICT (owner, request_id) DO NOTHING RETURNING *
""")
    .bindparams(bindparam("labels", type_=JSONB), bindparam("execution_timeout", type_=INTERVAL))
    .columns(labels=JSON_COLUMNS["labels"])
)
_BY_REQUEST = text("SELECT * FROM batches WHERE owner = :owner AND request_id = :request_id").columns(
    labels=JSON_COLUMNS["labels"]
)
# The join leaves out ids that no report of the owner has; the caller compares the number of rows.
_INSERT_ITEMS = text("""
    INSERT INTO batch_items (batch_id, position, report_id)
    SELECT CAST(:batch_id AS uuid), s.ordinality - 1, r.report_id
    FROM unnest(CAST(:report_ids AS uuid[])) WITH ORDINALITY AS s(report_id, ordinality)
    JOIN reports r ON r.report_id = s.report_id AND r.owner = :owner
""")
_INSERT_EXECUTION = text("""
    INSERT INTO batch_executions (task_id, batch_id, execution, status, request_id, request_fingerprint, deadline_at,
        first_sequence)
    VALUES (:task_id, :batch_id, :execution, 'PROCESSING', :request_id, :fingerprint,
        now() + CAST(:execution_timeout AS interval), :first_sequence)
""").bindparams(bindparam("execution_timeout", type_=INTERVAL))
_GET = text("SELECT * FROM batches WHERE batch_id = :batch_id AND owner = :owner").columns(
    labels=JSON_COLUMNS["labels"]
)
_FIND = text("SELECT * FROM batches WHERE batch_id = :batch_id").columns(labels=JSON_COLUMNS["labels"])
_EXECUTION = text("SELECT * FROM batch_executions WHERE batch_id = :batch_id AND task_id = :task_id")
# A keyset, because an offset would skip or repeat batches when others are submitted between two pages.
_LIST = (
    text("""
    SELECT * FROM batches
    WHERE owner = :owner
        AND (CAST(:statuses AS text[]) IS NULL OR status = ANY(CAST(:statuses AS text[])))
        AND (CAST(:batch_ids AS uuid[]) IS NULL OR batch_id = ANY(CAST(:batch_ids AS uuid[])))
        AND labels @> :labels
        AND (CAST(:before_created_at AS timestamptz) IS NULL
            OR (created_at, batch_id) < (CAST(:before_created_at AS timestamptz), CAST(:before_batch_id AS uuid)))
    ORDER BY created_at DESC, batch_id DESC LIMIT :limit
""")
    .bindparams(bindparam("labels", type_=JSONB))
    .columns(labels=JSON_COLUMNS["labels"])
)
_CANCEL_WAITING = text("""
    UPDATE batch_items SET status = 'CANCELLED', next_attempt_at = NULL, processed_at = clock_timestamp(),
        error_reason = NULL, error_message = NULL
    WHERE batch_id = :batch_id AND status IN ('PENDING', 'RETRYING') RETURNING position
""")
# What runs is ended so long after this: by its worker, or else by the sweep.
_REQUEST_CANCELLATION = text("""
    UPDATE batches SET cancel_reason = :reason, cancel_requested_at = clock_timestamp() WHERE batch_id = :batch_id
""")
_RETRYABLE = text("""
    SELECT position, report_id, status FROM batch_items
    WHERE batch_id = :batch_id AND status IN ('FAILED', 'CANCELLED')
""")
_KEEP_OUTCOMES = text("""
    INSERT INTO execution_items (task_id, position, report_id, status, attempt, analysis_id, error_reason,
        error_message, started_at, processed_at)
    SELECT CAST(:task_id AS uuid), position, report_id, status, attempt, analysis_id, error_reason, error_message,
        started_at, processed_at
    FROM batch_items WHERE batch_id = :batch_id
""")
# `attempt` goes on: it is the fence against attempts of earlier executions too.
_REOPEN_ITEMS = text("""
    UPDATE batch_items SET status = 'PENDING', failures = 0, lost_workers = 0, dispatch_count = 0,
        dispatched_at = NULL, error_reason = NULL, error_message = NULL, processed_at = NULL
    WHERE batch_id = :batch_id AND position = ANY(CAST(:positions AS int[]))
""")
_REOPEN = text("""
    UPDATE batches SET status = 'PROCESSING', task_id = :task_id, execution_count = execution_count + 1,
        failed = :failed, cancelled = :cancelled, running = 0, cancel_reason = '', cancel_requested_at = NULL,
        started_at = NULL, processed_at = NULL, compacted_at = NULL, updated_at = clock_timestamp(),
        last_sequence = last_sequence + 2
    WHERE batch_id = :batch_id RETURNING *
""").columns(labels=JSON_COLUMNS["labels"])
_EXECUTION_BY_REQUEST = text("""
    SELECT request_fingerprint FROM batch_executions WHERE batch_id = :batch_id AND request_id = :request_id
""")
_FREEZE = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

DEFAULT_PRIORITY = 4


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to submit; `report_ids` are distinct UUIDs in canonical lower-case text."""

    owner: str
    report_ids: Sequence[str]
    request_id: UUID | None = None
    labels: dict[str, str] = field(default_factory=dict)
    priority: int = DEFAULT_PRIORITY
    execution_timeout: timedelta | None = None
    webhook_url: str = ""

    @property
    def fingerprint(self) -> str:
        """What tells a repeated request from another one with the same `request_id`."""
        seconds = self.execution_timeout.total_seconds() if self.execution_timeout else None
        # Left out where there is none, so that a request of an earlier release is still the same one.
        webhook = [self.webhook_url] if self.webhook_url else []
        return _fingerprint([*self.report_ids], self.labels, self.priority, seconds, *webhook)


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches to list; an empty condition matches every batch."""

    statuses: Collection[BatchStatus] = ()
    batch_ids: Collection[str] = ()
    labels: dict[str, str] = field(default_factory=dict)


def submit(conn: Connection, new: NewBatch, broker: Queue) -> Batch:
    """Store a batch with its items, first execution, first event and message; return it.

    A repeat with the same `request_id` returns the batch of the first call. Raises RequestIdReused, ReportsNotFound and
    WebhookSecretMissing.
    """
    task_id = uuid4()
    row = conn.execute(
        _INSERT,
        {
            "batch_id": uuid4(),
            "owner": new.owner,
            "request_id": new.request_id,
            "fingerprint": new.fingerprint,
            "task_id": task_id,
            "total_reports": len(new.report_ids),
            "labels": new.labels,
            "priority": new.priority,
            "execution_timeout": new.execution_timeout,
            "webhook_url": webhooks.url_of(conn, new.owner, new.webhook_url),
        },
    ).one_or_none()
    if row is None:
        return _repeated(conn, new)
    batch = Batch.of(row)
    items = {"batch_id": batch.batch_id, "report_ids": list(new.report_ids), "owner": new.owner}
    if conn.execute(_INSERT_ITEMS, items).rowcount != len(new.report_ids):
        raise ReportsNotFound(reports.unknown(conn, new.owner, new.report_ids))
    _start_execution(conn, batch, broker, first_sequence=1)
    events.append(conn, batch.batch_id, 1, [events.status_changed(None, batch)])
    return batch


def _repeated(conn: Connection, new: NewBatch) -> Batch:
    batch = Batch.of(conn.execute(_BY_REQUEST, {"owner": new.owner, "request_id": new.request_id}).one())
    if batch.request_fingerprint != new.fingerprint:
        raise RequestIdReused(str(new.request_id))
    return batch


def _start_execution(
    conn: Connection,
    batch: Batch,
    broker: Queue,
    *,
    first_sequence: int,
    request_id: UUID | None = None,
    fingerprint: str | None = None,
) -> None:
    conn.execute(
        _INSERT_EXECUTION,
        {
            "task_id": batch.task_id,
            "batch_id": batch.batch_id,
            "execution": batch.execution_count,
            "request_id": request_id,
            "fingerprint": fingerprint,
            "execution_timeout": batch.execution_timeout,
            "first_sequence": first_sequence,
        },
    )
    results.store(conn, batch)
    # With another broker the row of the execution is the outbox: the sweeper publishes what is not dispatched.
    if broker.transactional:
        message = queue.process_batch(batch.batch_id, batch.task_id, batch.priority)
        broker.put(conn, queue.BATCH_QUEUE, [message])


def freeze(conn: Connection) -> None:
    """Make all reads of this transaction see one snapshot; call it first."""
    conn.execute(_FREEZE)


def find(conn: Connection, batch_id: UUID) -> Batch:
    """Return a batch, whoever owns it. Raises BatchNotFound."""
    row = conn.execute(_FIND, {"batch_id": batch_id}).one_or_none()
    if row is None:
        raise BatchNotFound(batch_id)
    return Batch.of(row)


def get(conn: Connection, owner: str, batch_id: UUID, task_id: UUID | None = None) -> Batch:
    """Return a batch as its current execution is, or as the execution `task_id` ended.

    Raises BatchNotFound and TaskNotFound.
    """
    row = conn.execute(_GET, {"batch_id": batch_id, "owner": owner}).one_or_none()
    if row is None:
        raise BatchNotFound(batch_id)
    batch = Batch.of(row)
    return batch if task_id in {None, batch.task_id} else _as_execution(conn, batch, task_id)


def _as_execution(conn: Connection, batch: Batch, task_id: UUID | None) -> Batch:
    row = conn.execute(_EXECUTION, {"batch_id": batch.batch_id, "task_id": task_id}).one_or_none()
    if row is None:
        raise TaskNotFound(batch.batch_id, str(task_id))
    return replace(
        batch,
        task_id=row.task_id,
        status=BatchStatus(row.status),
        counters=Counters(batch.counters.total_reports, row.successful, row.failed, row.cancelled),
        execution_count=row.execution,
        last_sequence=row.final_sequence,
        updated_at=row.processed_at,
        started_at=row.started_at,
        processed_at=row.processed_at,
    )


def list_page(
    conn: Connection, owner: str, matching: BatchFilter, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[Batch]:
    """Return at most `limit` batches, newest first, of those older than `before` (`created_at`, `batch_id`)."""
    rows = conn.execute(
        _LIST,
        {
            "owner": owner,
            "statuses": list(matching.statuses) or None,
            "batch_ids": list(matching.batch_ids) or None,
            "labels": matching.labels,
            "before_created_at": before[0] if before else None,
            "before_batch_id": before[1] if before else None,
            "limit": limit,
        },
    )
    return [Batch.of(row) for row in rows]


def cancel(conn: Connection, owner: str, batch_id: UUID, *, reason: str = "", etag: str = "") -> Batch:
    """Cancel the items that are not started and ask running ones to stop; return the batch.

    Changes nothing when the batch is being cancelled already, or was. Raises BatchNotFound, EtagMismatch and
    BatchAlreadyFinal.
    """
    batch = _locked(conn, owner, batch_id)
    if batch.status is BatchStatus.CANCELLING or (batch.status.final and batch.counters.cancelled):
        return batch
    _check_etag(batch, etag)
    if batch.status.final:
        raise BatchAlreadyFinal(batch_id)
    conn.execute(_REQUEST_CANCELLATION, {"batch_id": batch_id, "reason": reason})
    positions = list(conn.execute(_CANCEL_WAITING, {"batch_id": batch_id}).scalars())
    reports.follow_items(conn, batch_id, positions, ItemStatus.CANCELLED)
    counters = batch.counters.after(ItemStatus.PENDING, ItemStatus.CANCELLED, len(positions))
    changed = [events.items_changed(batch, ItemStatus.CANCELLED, positions, counters)] if positions else []
    return changes.apply(conn, batch, counters, changed, cancelling=True)


@dataclass(frozen=True, slots=True)
class Retry:
    """Which items to run again: those of `report_ids`, all that did not succeed when it is empty."""

    report_ids: Sequence[str] = ()
    request_id: UUID | None = None
    etag: str = ""

    @property
    def fingerprint(self) -> str:
        return _fingerprint(sorted(self.report_ids))


def retry(conn: Connection, owner: str, batch_id: UUID, request: Retry, broker: Queue) -> Batch:
    """Start a new execution over items that did not succeed; return the batch with its new `task_id`.

    Raises BatchNotFound, EtagMismatch, BatchNotFinal, NothingToRetry, ReportNotInBatch and RequestIdReused.
    """
    batch = _locked(conn, owner, batch_id, broker)
    if request.request_id and _already_retried(conn, batch, request):
        return batch
    _check_etag(batch, request.etag)
    if not batch.status.final:
        raise BatchNotFinal(batch_id)
    chosen = _choose(conn, batch, request.report_ids)
    conn.execute(_KEEP_OUTCOMES, {"batch_id": batch_id, "task_id": batch.task_id})
    conn.execute(_REOPEN_ITEMS, {"batch_id": batch_id, "positions": [row.position for row in chosen]})
    counters = batch.counters.reopened(
        failed=sum(row.status == ItemStatus.FAILED for row in chosen),
        cancelled=sum(row.status == ItemStatus.CANCELLED for row in chosen),
    )
    reopened = {
        "batch_id": batch_id,
        "task_id": uuid4(),
        "failed": counters.failed,
        "cancelled": counters.cancelled,
    }
    after = Batch.of(conn.execute(_REOPEN, reopened).one())
    first = batch.last_sequence + 1
    positions = [row.position for row in chosen]
    history = [
        # As the batch is after this event: whoever continues from its sequence gets the other one too.
        events.status_changed(batch.status, replace(after, last_sequence=first)),
        events.items_changed(after, ItemStatus.PENDING, positions, counters),
    ]
    events.append(conn, batch_id, first, history)
    _start_execution(
        conn,
        after,
        broker,
        first_sequence=first,
        request_id=request.request_id,
        fingerprint=request.fingerprint,
    )
    return after


def _already_retried(conn: Connection, batch: Batch, request: Retry) -> bool:
    known = conn.execute(
        _EXECUTION_BY_REQUEST, {"batch_id": batch.batch_id, "request_id": request.request_id}
    ).one_or_none()
    if known is not None and known.request_fingerprint != request.fingerprint:
        raise RequestIdReused(str(request.request_id))
    return known is not None


def _choose(conn: Connection, batch: Batch, report_ids: Sequence[str]) -> list[Any]:
    retryable = {str(row.report_id): row for row in conn.execute(_RETRYABLE, {"batch_id": batch.batch_id})}
    if not retryable:
        raise NothingToRetry(batch.batch_id)
    for index, report_id in enumerate(report_ids):
        if report_id not in retryable:
            raise ReportNotInBatch(
                f"report_ids[{index}]", f"{report_id} is not a failed or cancelled report of batch {batch.batch_id}"
            )
    return [retryable[report_id] for report_id in report_ids or retryable]


def _locked(conn: Connection, owner: str, batch_id: UUID, broker: Queue | None = None) -> Batch:
    batch = outcomes.lock(conn, batch_id, broker)
    if batch is None or batch.owner != owner:
        raise BatchNotFound(batch_id)
    return batch


def _check_etag(batch: Batch, etag: str) -> None:
    if etag and etag != batch.etag:
        raise EtagMismatch(batch.batch_id)


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
