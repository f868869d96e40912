"""Dispatch: putting the messages of items into the queue, and finding those that were lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL

from reports_core.domain.batch import ItemStatus
from reports_core.storage import queue
from reports_core.storage.queue import Queue
from reports_core.storage.records import Batch, Item

# The lock of the execution is what makes two dispatchers of one execution take turns.
_LOCK_EXECUTION = text("""
    SELECT e.batch_id, b.priority FROM batch_executions e JOIN batches b USING (batch_id)
    WHERE e.task_id = :task_id AND e.dispatched_at IS NULL AND b.task_id = e.task_id AND b.status = 'PROCESSING'
    FOR UPDATE OF e
""")
_WAITING_POSITIONS = text("""
    SELECT position FROM batch_items WHERE batch_id = :batch_id AND status = 'PENDING' ORDER BY position
""")
_MARK_EXECUTION = text("UPDATE batch_executions SET dispatched_at = now() WHERE task_id = :task_id")
_MARK_ITEMS = text("""
    UPDATE batch_items SET dispatched_at = now(), dispatch_count = dispatch_count + 1
    WHERE batch_id = :batch_id AND position = ANY(CAST(:positions AS int[])) AND status IN ('PENDING', 'RETRYING')
    RETURNING position, dispatch_count
""")
_MARK_ITEM = text("UPDATE batch_items SET dispatched_at = now() WHERE batch_id = :batch_id AND position = :position")
_UNDISPATCHED = text("""
    SELECT e.task_id, e.batch_id, b.priority FROM batch_executions e JOIN batches b USING (batch_id)
    WHERE e.processed_at IS NULL AND e.dispatched_at IS NULL AND b.status = 'PROCESSING'
        AND e.created_at < now() - :grace
    ORDER BY e.created_at LIMIT :limit
""").bindparams(bindparam("grace", type_=INTERVAL))
_DUE_RETRIES = text("""
    SELECT i.batch_id, array_agg(i.position) AS positions FROM batch_items i JOIN batches b USING (batch_id)
    WHERE i.status = 'RETRYING' AND i.next_attempt_at <= now() AND i.dispatched_at IS NULL AND b.status = 'PROCESSING'
    GROUP BY i.batch_id LIMIT :limit
""")
# An item that was dispatched for the first time has no time of its own: the execution's is that of all of them.
# LATERAL, so that only items of open executions are read, however many there are of others.
_DISPATCHED = text("""
    SELECT e.task_id, e.batch_id, i.position, i.dispatch_count FROM (
        SELECT e.task_id, e.batch_id, e.dispatched_at FROM batch_executions e JOIN batches b ON b.task_id = e.task_id
        WHERE e.processed_at IS NULL AND e.dispatched_at < now() - :grace AND b.status = 'PROCESSING'
            AND e.batch_id >= CAST(:batch_id AS uuid)
        ORDER BY e.batch_id
    ) AS e CROSS JOIN LATERAL (
        SELECT position, dispatch_count FROM batch_items i
        WHERE i.batch_id = e.batch_id AND (i.batch_id, i.position) > (CAST(:batch_id AS uuid), CAST(:position AS int))
            AND (i.status = 'PENDING' OR (i.status = 'RETRYING' AND i.dispatched_at IS NOT NULL))
            AND coalesce(i.dispatched_at, e.dispatched_at) < now() - :grace
        ORDER BY position LIMIT :limit
    ) AS i ORDER BY e.batch_id, i.position LIMIT :limit
""").bindparams(bindparam("grace", type_=INTERVAL))
_BATCH = text("SELECT task_id, priority FROM batches WHERE batch_id = :batch_id AND status = 'PROCESSING' FOR SHARE")


@dataclass(frozen=True, slots=True)
class Place:
    """An item in the order of all items."""

    batch_id: UUID
    position: int


FIRST = Place(UUID(int=0), -1)
"""Before every item."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """The positions of items whose messages are gone, by batch, and where to look on: from `FIRST` after the last."""

    positions: dict[UUID, list[int]]
    next: Place


def dispatch_execution(conn: Connection, task_id: UUID, broker: Queue) -> int:
    """Put one message per waiting item into the queue, once per execution; return how many were put.

    Nothing is put when the execution is dispatched already, final, or being cancelled. With a broker outside of the
    database a crash between publishing and commit publishes twice, which the claim of the items meets.
    """
    row = conn.execute(_LOCK_EXECUTION, {"task_id": task_id}).one_or_none()
    if row is None:
        return 0
    positions = conn.execute(_WAITING_POSITIONS, {"batch_id": row.batch_id}).scalars()
    messages = [
        queue.process_report(
            row.batch_id, task_id, position, queue.report_message_id(task_id, position, 0), row.priority
        )
        for position in positions
    ]
    broker.put(conn, queue.REPORT_QUEUE, messages)
    conn.execute(_MARK_EXECUTION, {"task_id": task_id})
    return len(messages)


def dispatch_next(conn: Connection, batch: Batch, items: Iterable[Item], broker: Queue) -> None:
    """Put the next message of each item that waits for another attempt into the queue, to be delivered when it is due.

    The caller holds the lock of the batch. With a broker elsewhere the sweeper publishes them.
    """
    due_at = {item.position: item.next_attempt_at for item in items if item.status is ItemStatus.RETRYING}
    if due_at and broker.transactional:
        _dispatch_again(conn, batch.batch_id, batch.task_id, batch.priority, due_at, broker)


def dispatch_items(conn: Connection, batch_id: UUID, positions: list[int], broker: Queue) -> int:
    """Put a new message for each of these items that still waits into the queue; return how many were put."""
    row = conn.execute(_BATCH, {"batch_id": batch_id}).one_or_none()
    if row is None:
        return 0
    return _dispatch_again(conn, batch_id, row.task_id, row.priority, dict.fromkeys(positions), broker)


def _dispatch_again(
    conn: Connection,
    batch_id: UUID,
    task_id: UUID,
    priority: int,
    due_at: Mapping[int, datetime | None],
    broker: Queue,
) -> int:
    """Put a new message for each of these positions, which is due at once or later."""
    marked = conn.execute(_MARK_ITEMS, {"batch_id": batch_id, "positions": list(due_at)}).all()
    messages = [
        queue.process_report(
            batch_id,
            task_id,
            row.position,
            queue.report_message_id(task_id, row.position, row.dispatch_count),
            priority,
            due_at[row.position],
        )
        for row in sorted(marked, key=lambda row: row.position)
    ]
    broker.put(conn, queue.REPORT_QUEUE, messages)
    return len(messages)


def dispatched_already(conn: Connection, batch: Batch, item: Item) -> None:
    """Note that an item which waits for another attempt has its message in the queue still."""
    conn.execute(_MARK_ITEM, {"batch_id": batch.batch_id, "position": item.position})


def undispatched(conn: Connection, broker: Queue, *, grace: timedelta, limit: int) -> list[UUID]:
    """Return executions that are not dispatched and whose message is gone, or was never put."""
    rows = conn.execute(_UNDISPATCHED, {"grace": grace, "limit": limit}).all()
    task_ids = {row.task_id for row in rows}
    return list(broker.missing(conn, queue.BATCH_QUEUE, task_ids) if broker.transactional else task_ids)


def due_retries(conn: Connection, *, limit: int) -> dict[UUID, list[int]]:
    """Return the positions of items whose next attempt is due and not dispatched, by batch."""
    return {row.batch_id: list(row.positions) for row in conn.execute(_DUE_RETRIES, {"limit": limit})}


def stuck(conn: Connection, broker: Queue, *, grace: timedelta, after: Place, limit: int) -> Stuck:
    """Return which of the next `limit` items that wait for a message have none in the queue.

    An item that was dispatched within `grace` is left alone: its message may be on its way to the claim. Age alone is
    no criterion: a healthy backlog must not be flooded with duplicates. A message that was acknowledged just before
    this looked is put twice, which the claim of its item meets.
    """
    where = {"grace": grace, "batch_id": after.batch_id, "position": after.position, "limit": limit}
    rows = conn.execute(_DISPATCHED, where).all()
    items = {queue.report_message_id(row.task_id, row.position, row.dispatch_count): row for row in rows}
    found: dict[UUID, list[int]] = {}
    for message_id in broker.missing(conn, queue.REPORT_QUEUE, items.keys()):
        row = items[message_id]
        found.setdefault(row.batch_id, []).append(row.position)
    complete = len(rows) < limit
    return Stuck(found, FIRST if complete else Place(rows[-1].batch_id, rows[-1].position))
