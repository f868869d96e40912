"""How far running attempts are: shown beside the item, told to the servers, and lost without harm."""

from __future__ import annotations

from sqlalchemy import Connection, text

from reports_core.domain.batch import BatchStatus
from reports_core.storage import events
from reports_core.storage.attempts import Attempt
from reports_core.storage.endings import AttemptKey
from reports_core.storage.transactions import commit_without_the_disk

# Not an event and not under the batch's lock: completions never wait for it.
_RECORD = text("""
    UPDATE batch_items i SET step = :step, progress = :fraction FROM batches b
    WHERE i.batch_id = :batch_id AND i.position = :position AND i.attempt = :attempt AND i.status = 'PROCESSING'
        AND b.batch_id = i.batch_id RETURNING b.status
""")
_STANDING = text("""
    SELECT b.status FROM batch_items i JOIN batches b USING (batch_id)
    WHERE i.batch_id = :batch_id AND i.position = :position AND i.attempt = :attempt AND i.status = 'PROCESSING'
""")


def record(conn: Connection, attempt: Attempt, step: str, fraction: float) -> bool:
    """Show and tell how far an attempt is, from 0 to 1, and answer as `goes_on` does; nothing when it is over."""
    # Nobody waits for the disk because of what the next one replaces.
    commit_without_the_disk(conn)
    key = attempt.key
    status = conn.execute(_RECORD, {**_where(key), "step": step, "fraction": fraction}).scalar_one_or_none()
    if status is None:
        return False
    progress = events.Progress(
        batch_id=str(key.batch_id),
        report_id=str(attempt.report_id),
        position=key.position,
        attempt=key.attempt,
        step=step,
        fraction=round(fraction, 3),
    )
    events.notify_progress(conn, progress)
    return bool(status == BatchStatus.PROCESSING)


def goes_on(conn: Connection, key: AttemptKey) -> bool:
    """Tell whether an attempt should go on: False when it is over, or its batch is being cancelled."""
    return bool(conn.execute(_STANDING, _where(key)).scalar_one_or_none() == BatchStatus.PROCESSING)


def _where(key: AttemptKey) -> dict[str, object]:
    return {"batch_id": key.batch_id, "position": key.position, "attempt": key.attempt}
