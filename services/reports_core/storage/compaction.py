"""Compaction: the history of a batch goes as a whole, some time after its end; all else of the batch stays.

It is withdrawn first, which is a short transaction, and then deleted bit by bit without a lock on the batch. So what is
gone is known before it goes: no watcher takes half a history for a whole one. Every step may be the last one before a
crash; the next sweep goes on with whatever is left.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, text

_DUE = text("""
    SELECT batch_id FROM batches
    WHERE processed_at < now() - :retention AND compacted_at IS NULL ORDER BY processed_at LIMIT :limit
""")
# One snapshot for both: as long as last_sequence is the same, there are no other events. Transactions are not in the
# order of the sequences, so all of them are looked at; older releases wrote none.
_NEWEST_XACT = text("""
    SELECT b.last_sequence, coalesce(max(CAST(CAST(e.xact AS text) AS bigint)), 0) AS xact
    FROM batches b LEFT JOIN batch_events e USING (batch_id)
    WHERE b.batch_id = :batch_id AND b.oldest_sequence <= b.last_sequence GROUP BY b.batch_id
""")
# A retry may have come in between.
_WITHDRAW = text("""
    UPDATE batches SET oldest_sequence = last_sequence + 1
    WHERE batch_id = :batch_id AND last_sequence = :last_sequence AND processed_at < now() - :retention
""")
_RAISE_HORIZON = text("""
    UPDATE event_horizon SET compacted_xact = CAST(CAST(:xact AS text) AS xid8)
    WHERE compacted_xact < CAST(CAST(:xact AS text) AS xid8)
""")
# From the lowest sequence up, since they are gapless: a range of the primary key, without sorting.
_DELETE = text("""
    DELETE FROM batch_events WHERE batch_id = :batch_id AND sequence < least(
        (SELECT oldest_sequence FROM batches WHERE batch_id = :batch_id),
        (SELECT min(sequence) + :limit FROM batch_events WHERE batch_id = :batch_id))
""")
_CONCLUDE = text("""
    UPDATE batches b SET compacted_at = clock_timestamp()
    WHERE batch_id = :batch_id AND compacted_at IS NULL AND oldest_sequence > last_sequence
        AND NOT EXISTS (SELECT FROM batch_events e WHERE e.batch_id = b.batch_id)
""")


def due(conn: Connection, retention: timedelta, *, limit: int) -> list[UUID]:
    """Return at most `limit` batches that have been over for longer than their history is kept, oldest first."""
    return list(conn.execute(_DUE, {"retention": retention, "limit": limit}).scalars())


def withdraw(conn: Connection, batch_id: UUID, retention: timedelta) -> bool:
    """Let no watcher begin in the history of a batch from now on, and no stream that has not seen it continue.

    Changes nothing and returns False when that is done already, or the batch is no longer due.
    """
    newest = conn.execute(_NEWEST_XACT, {"batch_id": batch_id}).one_or_none()
    if newest is None:
        return False
    known = {"batch_id": batch_id, "last_sequence": newest.last_sequence, "retention": retention}
    if not conn.execute(_WITHDRAW, known).rowcount:
        return False
    conn.execute(_RAISE_HORIZON, {"xact": newest.xact})
    return True


def delete(conn: Connection, batch_id: UUID, limit: int) -> int:
    """Delete at most `limit` events that are withdrawn; return how many. Does not lock the batch."""
    return conn.execute(_DELETE, {"batch_id": batch_id, "limit": limit}).rowcount


def conclude(conn: Connection, batch_id: UUID) -> bool:
    """Mark a batch as compacted, once nothing of its history is left."""
    return bool(conn.execute(_CONCLUDE, {"batch_id": batch_id}).rowcount)
