"""How attempts end: any number of one batch at once, under its lock, each once and with an event of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from reports_core.domain.batch import BatchStatus, ItemStatus
from reports_core.domain.retry import (
    WORKER_LOST,
    Failure,
    delay_after_failure,
    delay_after_lost_worker,
)
from reports_core.storage import changes, events, reports
from reports_core.storage.records import Batch, Item

_RUNNING = text("""
    SELECT * FROM batch_items
    WHERE batch_id = :batch_id AND position = ANY(CAST(:positions AS int[])) AND status = 'PROCESSING'
""")
_END = text("""
    UPDATE batch_items i SET status = e.status, lease_owner = NULL, lease_expires_at = NULL, step = NULL,
        progress = NULL, failures = i.failures + e.failures, lost_workers = i.lost_workers + e.lost_workers,
        analysis_id = e.analysis_id, error_reason = e.error_reason, error_message = e.error_message,
        next_attempt_at = now() + e.delay,
        dispatched_at = CASE WHEN e.delay IS NULL THEN dispatched_at END,
        processed_at = CASE WHEN e.delay IS NULL THEN clock_timestamp() END
    FROM unnest(CAST(:positions AS int[]), CAST(:attempts AS int[]), CAST(:statuses AS text[]),
        CAST(:failures AS int[]), CAST(:lost_workers AS int[]), CAST(:analysis_ids AS uuid[]),
        CAST(:error_reasons AS text[]), CAST(:error_messages AS text[]), CAST(:delays AS interval[]))
        AS e(position, attempt, status, failures, lost_workers, analysis_id, error_reason, error_message, delay)
    WHERE i.batch_id = :batch_id AND i.position = e.position AND i.attempt = e.attempt AND i.status = 'PROCESSING'
    RETURNING i.*
""")


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """One attempt at one item; `attempt` is the fencing token."""

    batch_id: UUID
    position: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt at an item of the batch ends: with an analysis, with a failure, or with neither, cancelled."""

    position: int
    attempt: int
    analysis_id: UUID | None = None
    content_type: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The item and its batch after an attempt ended."""

    item: Item
    batch: Batch


@dataclass(frozen=True, slots=True)
class _Decision:
    """What becomes of an item, and how long it waits for another attempt if there is to be one."""

    ending: Ending
    status: ItemStatus
    delay: timedelta | None = None

    @property
    def lost(self) -> bool:
        return self.ending.failure is WORKER_LOST

    @property
    def shown(self) -> Failure | None:
        """Items say why they failed or wait; one that is cancelled does neither."""
        return None if self.status is ItemStatus.CANCELLED else self.ending.failure


def end(conn: Connection, batch: Batch, endings: Sequence[Ending]) -> tuple[Batch, list[Item]]:
    """End attempts in this order; return the batch after them, and the items of those that were not over before.

    `batch` is as its lock returned it. An attempt that is over, or is not the item's newest, is passed over.
    """
    where = {"batch_id": batch.batch_id, "positions": [ending.position for ending in endings]}
    running = {row.position: Item.of(row) for row in conn.execute(_RUNNING, where)}
    decisions = [
        _decide(batch, item, ending)
        for ending in endings
        if (item := running.get(ending.position)) and item.attempt == ending.attempt
    ]
    if not decisions:
        return batch, []
    items = _update(conn, batch, decisions)
    counters, changed = batch.counters, []
    for item in items:
        counters = counters.after(ItemStatus.PROCESSING, item.status)
        changed.append(events.item_changed(batch, ItemStatus.PROCESSING, item, counters))
    after = changes.apply(conn, batch, counters, changed)
    reports.show(conn, items, [decision.ending.content_type for decision in decisions])
    return after, items


def _update(conn: Connection, batch: Batch, decisions: Sequence[_Decision]) -> list[Item]:
    """Write what was decided; return the items in the same order."""
    rows = conn.execute(
        _END,
        {
            "batch_id": batch.batch_id,
            "positions": [decision.ending.position for decision in decisions],
            "attempts": [decision.ending.attempt for decision in decisions],
            "statuses": [decision.status for decision in decisions],
            "failures": [int(decision.ending.failure is not None and not decision.lost) for decision in decisions],
            "lost_workers": [int(decision.lost) for decision in decisions],
            "analysis_ids": [decision.ending.analysis_id for decision in decisions],
            "error_reasons": [decision.shown and decision.shown.reason for decision in decisions],
            "error_messages": [decision.shown and decision.shown.message for decision in decisions],
            "delays": [decision.delay for decision in decisions],
        },
    )
    items = {row.position: Item.of(row) for row in rows}
    return [items[decision.ending.position] for decision in decisions]


def _decide(batch: Batch, item: Item, ending: Ending) -> _Decision:
    failure = ending.failure
    if ending.analysis_id is not None:
        return _Decision(ending, ItemStatus.COMPLETED)
    if failure is None:
        return _Decision(ending, ItemStatus.CANCELLED)
    if failure is WORKER_LOST:
        delay = delay_after_lost_worker(item.lost_workers + 1)
    else:
        delay = delay_after_failure(failure, item.failures + 1)
    if delay is None:
        return _Decision(ending, ItemStatus.FAILED)
    if batch.status is BatchStatus.CANCELLING:
        return _Decision(ending, ItemStatus.CANCELLED)
    return _Decision(ending, ItemStatus.RETRYING, delay)
