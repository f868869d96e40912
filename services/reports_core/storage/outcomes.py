"""Outcomes of attempts: handed in without a wait, and applied together by whoever has the lock of their batch.

One commit that waits for the disk ends every attempt whose outcome was there when it began; a finisher that came too
late for it waits for its end and not for the disk a second time. What is handed in is shown to nobody, and may be lost
with a crash of PostgreSQL: its finisher notices and hands it in again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL, JSONB

from reports_core.domain.analysis import ReportAnalysis
from reports_core.domain.batch import ItemStatus
from reports_core.domain.retry import Failure
from reports_core.storage import analyses, changes, dispatch, endings, events, results, webhooks
from reports_core.storage.endings import AttemptKey, Ending
from reports_core.storage.queue import Queue
from reports_core.storage.records import JSON_COLUMNS, Batch, Item
from reports_core.storage.transactions import InTransaction, commit_without_the_disk

_HAND_IN = text("""
    INSERT INTO batch_outcomes (batch_id, position, attempt, analysis_id, model_version, optimism, risk, uncertainty,
        document, content_type, processing_time, error_reason, error_message, retryable)
    SELECT batch_id, position, attempt, :analysis_id, :model_version, :optimism, :risk, :uncertainty,
        :document, :content_type, :processing_time, :error_reason, :error_message, :retryable
    FROM batch_items
    WHERE batch_id = :batch_id AND position = :position AND attempt = :attempt AND status = 'PROCESSING'
    ON CONFLICT DO NOTHING
""").bindparams(bindparam("document", type_=JSONB(none_as_null=True)), bindparam("processing_time", type_=INTERVAL))
_WAITS = text("""
    SELECT EXISTS (SELECT FROM batch_outcomes
        WHERE batch_id = :batch_id AND position = :position AND attempt = :attempt)
""")
_WAITING = text("""
    SELECT position, attempt, analysis_id, content_type, error_reason, error_message, retryable
    FROM batch_outcomes WHERE batch_id = :batch_id ORDER BY handed_in_at, position
""")
# Exactly those that were applied: others may have been handed in since. The analysis of an attempt that was over
# before goes with its outcome.
_TAKE = text("""
    WITH taken AS (
        DELETE FROM batch_outcomes o USING unnest(CAST(:positions AS int[]), CAST(:attempts AS int[]))
            AS applied(position, attempt)
        WHERE o.batch_id = :batch_id AND o.position = applied.position AND o.attempt = applied.attempt RETURNING o.*
    )
    INSERT INTO report_analyses (analysis_id, report_id, owner, task_id, model_version, optimism, risk, uncertainty,
        document, processing_time)
    SELECT t.analysis_id, i.report_id, b.owner, b.task_id, t.model_version, t.optimism, t.risk, t.uncertainty,
        t.document, t.processing_time
    FROM taken t JOIN batch_items i USING (batch_id, position) JOIN batches b USING (batch_id)
    WHERE i.analysis_id = t.analysis_id
""")
_ITEM = text("SELECT * FROM batch_items WHERE batch_id = :batch_id AND position = :position")
_BATCH = text("SELECT * FROM batches WHERE batch_id = :batch_id").columns(labels=JSON_COLUMNS["labels"])
_ABANDONED = text("""
    SELECT DISTINCT batch_id FROM batch_outcomes WHERE handed_in_at < now() - :grace LIMIT :limit
""").bindparams(bindparam("grace", type_=INTERVAL))
# Whose turn it is to apply what waits. Writes nothing, unlike the lock of the batch's row: whoever only waited has no
# commit to wait for. No row when the outcome does not wait any more.
_TURN = "hashtext('batch_outcomes'), hashtext(CAST(:batch_id AS text))"
_TRY_TURN = text(f"""
    SELECT pg_try_advisory_xact_lock({_TURN}) FROM batch_outcomes
    WHERE batch_id = :batch_id AND position = :position AND attempt = :attempt
""")  # noqa: S608 - a constant of this module
# Let go in the same message, so that all who wait go on together when it ends.
_AWAIT_TURN = text(f"SAVEPOINT turn; SELECT pg_advisory_xact_lock({_TURN}); ROLLBACK TO SAVEPOINT turn")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt leaves behind; exactly one of the three is the reason why it ended."""

    analysis: ReportAnalysis | None = None
    failure: Failure | None = None
    cancelled: bool = False
    processing_time: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Finished:
    """The item and its batch after an attempt was finished, or a little later.

    `led` says that the outcome was applied by its own finisher, which has announced the batch's changes.
    """

    item: Item
    batch: Batch
    led: bool


class AttemptOver(Exception):
    """The attempt was ended by somebody else, and its outcome counts for nothing."""


def finish(do: InTransaction, key: AttemptKey, outcome: Outcome, broker: Queue) -> Finished:
    """End an attempt with its outcome, once; raises AttemptOver.

    In the transaction that applies it: the analysis, the item, the counters, the event, the message of the next
    attempt, and for the last item the end of the batch. With a broker elsewhere the sweeper publishes the message when
    it is due. `do` may repeat a step whose connection broke.
    """
    do(hand_in, key, outcome)
    while _is_lost(finished := do(settle, key, broker), key):
        do(hand_in, key, outcome)
    if finished.led:
        do(_announce, finished.batch)
    if not _shows(finished.item, key, outcome):
        raise AttemptOver
    return finished


def _is_lost(finished: Finished, key: AttemptKey) -> bool:
    """Tell whether PostgreSQL crashed in between: then the outcome is gone, and its attempt is not over."""
    return finished.item.status is ItemStatus.PROCESSING and finished.item.attempt == key.attempt


def _shows(item: Item, key: AttemptKey, outcome: Outcome) -> bool:
    return item.attempt == key.attempt and (item.status is ItemStatus.COMPLETED) == (outcome.analysis is not None)


def hand_in(conn: Connection, key: AttemptKey, outcome: Outcome) -> None:
    """Leave the outcome of an attempt to whoever next has the lock of its batch; the first one of an attempt counts.

    What cannot be stored fails here, where nobody else's outcome depends on it. Raises AttemptOver.
    """
    commit_without_the_disk(conn)
    failure, analysis = outcome.failure, outcome.analysis
    handed_in = conn.execute(
        _HAND_IN,
        {
            **_where(key),
            **analyses.columns(analysis),
            "analysis_id": uuid4() if analysis else None,
            "content_type": analysis.content_type if analysis else None,
            "processing_time": outcome.processing_time,
            "error_reason": failure.reason if failure else None,
            "error_message": failure.message if failure else None,
            "retryable": failure.retryable if failure else None,
        },
    )
    if not handed_in.rowcount and not conn.execute(_WAITS, _where(key)).scalar_one():
        raise AttemptOver


def settle(conn: Connection, key: AttemptKey, broker: Queue) -> Finished:
    """Wait until the outcome of an attempt is applied by somebody else, or apply it with all others of its batch."""
    where = _where(key)
    while (led := conn.execute(_TRY_TURN, where).scalar_one_or_none()) is False:
        conn.execute(_AWAIT_TURN, where)
    batch = lock(conn, key.batch_id, broker) if led else None
    return Finished(_item(conn, key), batch or _batch(conn, key.batch_id), led=bool(led))


def lock(conn: Connection, batch_id: UUID, broker: Queue | None = None) -> Batch | None:
    """Return the batch with its row locked and all applied that was handed in, None when there is no such batch.

    So nobody who changes a batch overtakes an outcome. Without a broker the sweeper publishes the messages of further
    attempts when they are due.
    """
    batch = changes.lock(conn, batch_id)
    waiting = conn.execute(_WAITING, {"batch_id": batch_id}).all() if batch else []
    if batch is None or not waiting:
        return batch
    found = [Ending(row.position, row.attempt, row.analysis_id, row.content_type, _failure(row)) for row in waiting]
    after, ended = endings.end(conn, batch, found)
    conn.execute(
        _TAKE,
        {
            "batch_id": batch_id,
            "positions": [row.position for row in waiting],
            "attempts": [row.attempt for row in waiting],
        },
    )
    if broker:
        dispatch.dispatch_next(conn, after, ended, broker)
        webhooks.dispatch_of(conn, after, broker)
    return after


def abandoned(conn: Connection, *, grace: timedelta, limit: int) -> list[UUID]:
    """Return batches with outcomes that nobody applies for so long: their finishers died."""
    return list(conn.execute(_ABANDONED, {"grace": grace, "limit": limit}).scalars())


def _announce(conn: Connection, batch: Batch) -> None:
    events.notify(conn, [batch.batch_id])
    results.refresh(conn, batch)


def _failure(row: Row[Any]) -> Failure | None:
    return Failure(row.error_reason, row.error_message, row.retryable) if row.error_reason else None


def _batch(conn: Connection, batch_id: UUID) -> Batch:
    return Batch.of(conn.execute(_BATCH, {"batch_id": batch_id}).one())


def _item(conn: Connection, key: AttemptKey) -> Item:
    return Item.of(conn.execute(_ITEM, {"batch_id": key.batch_id, "position": key.position}).one())


def _where(key: AttemptKey) -> dict[str, object]:
    return {"batch_id": key.batch_id, "position": key.position, "attempt": key.attempt}
