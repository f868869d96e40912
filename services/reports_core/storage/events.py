"""The history of a batch: gapless events, and the wake-up that says that there are new ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from reports_core.domain.batch import BatchStatus, Counters, ItemStatus
from reports_core.domain.retry import Failure
from reports_core.storage.records import JSON_COLUMNS, Batch, Event, Item, Json, counters_to_json
from reports_core.storage.transactions import commit_without_the_disk

CHANNEL = "fna_reports_events"
"""Channel of the wake-ups; the payload is a JSON list of batch ids."""

PROGRESS_CHANNEL = "fna_reports_progress"
"""Channel of the progress inside reports; the payload is the JSON of one `Progress`."""

# clock_timestamp(), because now() is the start of the transaction and would not be in the order of the sequences.
_APPEND = text("""
    INSERT INTO batch_events (batch_id, sequence, kind, status, data, occurred_at)
    SELECT CAST(:batch_id AS uuid), CAST(:first AS bigint) + e.ordinality - 1, e.kind, e.status,
        CAST(e.data AS jsonb), clock_timestamp()
    FROM unnest(CAST(:kinds AS text[]), CAST(:statuses AS text[]), CAST(:data AS text[]))
        WITH ORDINALITY AS e(kind, status, data, ordinality)
""")
_READ = text("""
    SELECT sequence, kind, status, data, occurred_at, coalesce(CAST(CAST(xact AS text) AS bigint), 0) AS xact
    FROM batch_events WHERE batch_id = :batch_id AND sequence > :after ORDER BY sequence LIMIT :limit
""").columns(data=JSON_COLUMNS["data"])
_NEWEST = text("SELECT batch_id, last_sequence FROM batches WHERE batch_id = ANY(CAST(:batch_ids AS uuid[]))")
_NOTIFY = text("SELECT pg_notify(:channel, :payload)")

# A notification carries at most 8,000 bytes; a batch id takes 40 of them.
_IDS_PER_NOTIFICATION = 150


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that has no sequence yet; `status` is that of the batch after it."""

    kind: str
    status: BatchStatus
    data: Json


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the running attempt of one item is; `fraction` from 0 to 1. Not stored, may be lost."""

    batch_id: str
    report_id: str
    position: int
    attempt: int
    step: str
    fraction: float


def item_changed(batch: Batch, previous: ItemStatus, item: Item, counters: Counters) -> NewEvent:
    return NewEvent(
        "ITEM_CHANGED",
        batch.status,
        {"previous_status": previous, "item": item.to_json(), "counters": counters_to_json(counters)},
    )


def items_changed(
    batch: Batch, status: ItemStatus, positions: Sequence[int], counters: Counters, failure: Failure | None = None
) -> NewEvent:
    return NewEvent(
        "ITEMS_CHANGED",
        batch.status,
        {
            "status": status,
            "positions": sorted(positions),
            "counters": counters_to_json(counters),
            "error_reason": failure.reason if failure else None,
            "error_message": failure.message if failure else None,
        },
    )


def status_changed(previous: str | None, batch: Batch) -> NewEvent:
    return NewEvent(
        "STATUS_CHANGED",
        batch.status,
        {"previous_status": previous, "batch": batch.to_json(), "final": batch.status.final},
    )


def append(conn: Connection, batch_id: UUID, first: int, events: Sequence[NewEvent]) -> None:
    """Store events with the sequences `first`, `first` + 1, ...

    The caller holds the lock of the batch row and has taken these sequences from it: a database sequence is not in
    commit order, and a watcher would skip what commits late.
    """
    conn.execute(
        _APPEND,
        {
            "batch_id": batch_id,
            "first": first,
            "kinds": [event.kind for event in events],
            "statuses": [event.status for event in events],
            "data": [json.dumps(event.data) for event in events],
        },
    )


def read(conn: Connection, batch_id: UUID, *, after: int, limit: int) -> list[Event]:
    """Return at most `limit` events with a sequence above `after`, oldest first."""
    rows = conn.execute(_READ, {"batch_id": batch_id, "after": after, "limit": limit})
    return [Event.of(row) for row in rows]


def newest(conn: Connection, batch_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the sequence of the newest event of each of these batches."""
    if not batch_ids:
        return {}
    return {row.batch_id: row.last_sequence for row in conn.execute(_NEWEST, {"batch_ids": list(batch_ids)})}


def notify(conn: Connection, batch_ids: Iterable[UUID]) -> None:
    """Tell the servers that these batches have new events.

    Call it after the commit, in a transaction of its own, which does not wait for the disk: a notifying commit holds a
    lock that is global to the cluster until it is durable, which halves the rate of everything else. A lost one costs
    a poll's delay.
    """
    commit_without_the_disk(conn)
    ids = [str(batch_id) for batch_id in batch_ids]
    for start in range(0, len(ids), _IDS_PER_NOTIFICATION):
        payload = json.dumps(ids[start : start + _IDS_PER_NOTIFICATION])
        conn.execute(_NOTIFY, {"channel": CHANNEL, "payload": payload})


def notify_progress(conn: Connection, progress: Progress) -> None:
    """Tell the servers how far the attempt of one item is."""
    payload = json.dumps(astuple(progress))
    conn.execute(_NOTIFY, {"channel": PROGRESS_CHANNEL, "payload": payload})
