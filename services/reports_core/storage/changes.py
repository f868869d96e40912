"""Changes of a batch: everything that happens to it goes through here, under the lock of its row.

The lock is always taken before any row of an item, so that two changes of one batch cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from reports_core.domain.batch import Counters, batch_status
from reports_core.storage import events, results, webhooks
from reports_core.storage.records import JSON_COLUMNS, Batch

_LOCK = text("SELECT * FROM batches WHERE batch_id = :batch_id FOR UPDATE").columns(labels=JSON_COLUMNS["labels"])
_UPDATE = text("""
    UPDATE batches SET successful = :successful, failed = :failed, cancelled = :cancelled, running = :running,
        status = :status, last_sequence = last_sequence + :events, updated_at = clock_timestamp(),
        started_at = CASE WHEN :running > 0 THEN coalesce(started_at, clock_timestamp()) ELSE started_at END,
        processed_at = CASE WHEN :final THEN clock_timestamp() END
    WHERE batch_id = :batch_id RETURNING *
""").columns(labels=JSON_COLUMNS["labels"])
_UPDATE_EXECUTION = text("""
    UPDATE batch_executions SET status = :status WHERE task_id = :task_id
""")
_CLOSE_EXECUTION = text("""
    UPDATE batch_executions SET status = :status, successful = :successful, failed = :failed, cancelled = :cancelled,
        started_at = :started_at, processed_at = :processed_at, final_sequence = :final_sequence
    WHERE task_id = :task_id AND processed_at IS NULL
""")


def lock(conn: Connection, batch_id: UUID) -> Batch | None:
    """Return the batch with its row locked until the end of the transaction, None when there is none."""
    row: Row[Any] | None = conn.execute(_LOCK, {"batch_id": batch_id}).one_or_none()
    return Batch.of(row) if row else None


def apply(
    conn: Connection,
    batch: Batch,
    counters: Counters,
    item_events: Sequence[events.NewEvent],
    *,
    cancelling: bool = False,
) -> Batch:
    """Write the counters that follow from changed items, the status that follows from them, and the events.

    `batch` is as `lock` returned it. A batch that is being cancelled stays so until it is final. The last item also
    ends the execution and its row in Celery's result table, and leaves a webhook to deliver. Returns the batch after
    the change.
    """
    status = batch_status(counters, cancelling=cancelling or batch.status == "CANCELLING")
    changed = status is not batch.status
    row = conn.execute(
        _UPDATE,
        {
            "batch_id": batch.batch_id,
            "successful": counters.successful,
            "failed": counters.failed,
            "cancelled": counters.cancelled,
            "running": counters.running,
            "status": status,
            "final": status.final,
            "events": len(item_events) + changed,
        },
    ).one()
    after = Batch.of(row)
    new_events = [*item_events, *([events.status_changed(batch.status, after)] if changed else [])]
    if new_events:
        events.append(conn, batch.batch_id, batch.last_sequence + 1, new_events)
    if changed:
        _follow_execution(conn, after)
    return after


def _follow_execution(conn: Connection, batch: Batch) -> None:
    if not batch.status.final:
        conn.execute(_UPDATE_EXECUTION, {"task_id": batch.task_id, "status": batch.status})
        return
    conn.execute(
        _CLOSE_EXECUTION,
        {
            "task_id": batch.task_id,
            "status": batch.status,
            "successful": batch.counters.successful,
            "failed": batch.counters.failed,
            "cancelled": batch.counters.cancelled,
            "started_at": batch.started_at,
            "processed_at": batch.processed_at,
            "final_sequence": batch.last_sequence,
        },
    )
    results.store(conn, batch)
    webhooks.record(conn, batch)
