"""The row of an execution in Celery's result table, readable with psql and by `AsyncResult`."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import Connection, text

from reports_core.domain.batch import BatchStatus
from reports_core.storage.records import Batch, Json, counters_to_json

_STATUSES = {
    BatchStatus.PROCESSING: "PROCESSING",
    BatchStatus.CANCELLING: "PROCESSING",
    BatchStatus.COMPLETED: "SUCCESS",
    BatchStatus.PARTIALLY_COMPLETED: "SUCCESS",
    BatchStatus.FAILED: "FAILURE",
    BatchStatus.CANCELLED: "REVOKED",
}

# Celery keeps `date_done` as UTC without a zone.
_STORE = text("""
    INSERT INTO celery_taskmeta (task_id, status, result, date_done)
    VALUES (:task_id, :status, :result, timezone('utc', now()))
    ON CONFLICT (task_id) DO UPDATE SET status = excluded.status, result = excluded.result,
        date_done = excluded.date_done
""")
# Non-final only, and at most once a second: the row is for people, the truth is in `batches`.
_REFRESH = text("""
    UPDATE celery_taskmeta SET result = :result, date_done = timezone('utc', now())
    WHERE task_id = :task_id AND status = 'PROCESSING' AND date_done < timezone('utc', now()) - interval '1 second'
""")
_EXPIRE = text("""
    DELETE FROM celery_taskmeta WHERE status IN ('SUCCESS', 'FAILURE', 'REVOKED')
    AND date_done < timezone('utc', now()) - :expires
""")
_EXPIRE_GROUPS = text("DELETE FROM celery_tasksetmeta WHERE date_done < timezone('utc', now()) - :expires")


def store(conn: Connection, batch: Batch) -> None:
    """Write the status and summary of the batch's current execution."""
    status = _STATUSES[batch.status]
    conn.execute(
        _STORE, {"task_id": str(batch.task_id), "status": status, "result": json.dumps(_summary(batch, status))}
    )


def refresh(conn: Connection, batch: Batch) -> None:
    """Bring the counters of a running execution up to date, unless that was done within the last second."""
    conn.execute(_REFRESH, {"task_id": str(batch.task_id), "result": json.dumps(_summary(batch, "PROCESSING"))})


def expire(conn: Connection, expires: timedelta) -> None:
    """Delete final rows that are older; rows of running executions never expire."""
    conn.execute(_EXPIRE, {"expires": expires})
    conn.execute(_EXPIRE_GROUPS, {"expires": expires})


def _summary(batch: Batch, status: str) -> Json:
    summary: Json = {
        "batch_id": str(batch.batch_id),
        "status": batch.status,
        **counters_to_json(batch.counters),
        "processed_at": batch.processed_at.isoformat() if batch.processed_at else None,
    }
    if status in {"FAILURE", "REVOKED"}:
        # What Celery needs to raise something sensible from `AsyncResult.get()`.
        message = f"batch {batch.batch_id} is {batch.status}: {batch.counters.failed} failed"
        summary |= {"exc_type": "BatchNotSuccessful", "exc_message": [message], "exc_module": "reports_worker.results"}
    return summary
