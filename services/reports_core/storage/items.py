"""Reading the items of a batch, and failing those whose time is over."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

from reports_core.domain.batch import BatchStatus, ItemStatus
from reports_core.domain.retry import DEADLINE_EXCEEDED
from reports_core.storage import changes, events, outcomes, reports
from reports_core.storage.records import Batch, Item

_LIST = text("""
    SELECT * FROM batch_items WHERE batch_id = :batch_id AND position > :after
        AND (CAST(:statuses AS text[]) IS NULL OR status = ANY(CAST(:statuses AS text[])))
    ORDER BY position LIMIT :limit
""")
_LIST_EXECUTION = text("""
    SELECT *, 0 AS failures, 0 AS lost_workers, NULL AS step, NULL AS progress, NULL AS next_attempt_at
    FROM execution_items WHERE task_id = :task_id AND position > :after
        AND (CAST(:statuses AS text[]) IS NULL OR status = ANY(CAST(:statuses AS text[])))
    ORDER BY position LIMIT :limit
""")
_OVERDUE = text("""
    SELECT e.batch_id FROM batch_executions e JOIN batches b ON b.task_id = e.task_id
    WHERE e.processed_at IS NULL AND e.deadline_at < now()
        AND EXISTS (SELECT FROM batch_items i WHERE i.batch_id = e.batch_id AND i.status IN ('PENDING', 'RETRYING'))
    LIMIT :limit
""")
_FAIL_WAITING = text("""
    UPDATE batch_items SET status = 'FAILED', next_attempt_at = NULL, processed_at = clock_timestamp(),
        error_reason = :reason, error_message = :message
    WHERE batch_id = :batch_id AND status IN ('PENDING', 'RETRYING') RETURNING position
""")


def list_page(
    conn: Connection, batch: Batch, *, current: bool, after: int, limit: int, statuses: Collection[ItemStatus] = ()
) -> list[Item]:
    """Return at most `limit` items with a position above `after`, in the order of submission.

    `current` says whether `batch` shows its current execution; an earlier one is answered as it ended.
    """
    rows = conn.execute(
        _LIST if current else _LIST_EXECUTION,
        {"after": after, "limit": limit, "statuses": list(statuses) or None}
        | ({"batch_id": batch.batch_id} if current else {"task_id": batch.task_id}),
    )
    return [Item.of(row) for row in rows]


def overdue(conn: Connection, *, limit: int) -> list[UUID]:
    """Return batches whose execution timeout has ended while items still wait."""
    return list(conn.execute(_OVERDUE, {"limit": limit}).scalars())


def fail_overdue(conn: Connection, batch_id: UUID) -> Batch | None:
    """Fail the items of an overdue batch that have not started; None when the batch is final by now."""
    batch = outcomes.lock(conn, batch_id)
    if batch is None or batch.status is not BatchStatus.PROCESSING:
        return None
    failure = {"reason": DEADLINE_EXCEEDED.reason, "message": DEADLINE_EXCEEDED.message}
    positions = list(conn.execute(_FAIL_WAITING, {"batch_id": batch_id, **failure}).scalars())
    if not positions:
        return None
    reports.follow_items(conn, batch_id, positions, ItemStatus.FAILED)
    counters = batch.counters.after(ItemStatus.PENDING, ItemStatus.FAILED, len(positions))
    changed = events.items_changed(batch, ItemStatus.FAILED, positions, counters, DEADLINE_EXCEEDED)
    return changes.apply(conn, batch, counters, [changed])
