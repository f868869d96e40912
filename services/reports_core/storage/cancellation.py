"""Finding the attempts that a cancellation has to end, because they do not end by themselves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL

from reports_core.storage.endings import AttemptKey

WORKER_GRACE = timedelta(seconds=2)
"""How long a running attempt may take to stop at its next step, before its worker ends it."""

SWEEP_GRACE = timedelta(seconds=3.5)
"""How long its worker may take for that, before whoever sweeps ends it: the worker is away."""

# A release that did not keep the time of the request may have cancelled the batch.
_OVERDUE = "b.status = 'CANCELLING' AND coalesce(b.cancel_requested_at, b.updated_at) < now() - :grace"
# Among the running items only, like the renewal of leases.
_RUNNING = text(f"""
    SELECT i.message_id, i.batch_id, i.position, i.attempt, {_OVERDUE} AS overdue
    FROM batch_items i JOIN batches b USING (batch_id)
    WHERE i.status = 'PROCESSING' AND i.lease_owner = :worker_id
        AND i.message_id = ANY(CAST(:message_ids AS uuid[]))
""").bindparams(bindparam("grace", type_=INTERVAL))  # noqa: S608 - a constant of this module
_STRAGGLERS = text(f"""
    SELECT i.batch_id, i.position, i.attempt
    FROM batch_executions e JOIN batches b ON b.task_id = e.task_id JOIN batch_items i ON i.batch_id = b.batch_id
    WHERE e.processed_at IS NULL AND i.status = 'PROCESSING' AND {_OVERDUE}
    LIMIT :limit
""").bindparams(bindparam("grace", type_=INTERVAL))  # noqa: S608 - a constant of this module


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt that runs, and whether it is overdue: it should have stopped by now."""

    key: AttemptKey
    overdue: bool


def running(
    conn: Connection, worker_id: UUID, message_ids: Collection[UUID], *, grace: timedelta
) -> dict[UUID, Running]:
    """Return the attempts that a worker runs for these messages, by message."""
    rows = conn.execute(_RUNNING, {"worker_id": worker_id, "message_ids": list(message_ids), "grace": grace})
    return {row.message_id: Running(AttemptKey(row.batch_id, row.position, row.attempt), row.overdue) for row in rows}


def stragglers(conn: Connection, *, grace: timedelta, limit: int) -> list[AttemptKey]:
    """Return attempts of anybody that still run so long after the cancellation of their batch was requested."""
    return [AttemptKey(*row) for row in conn.execute(_STRAGGLERS, {"grace": grace, "limit": limit})]
