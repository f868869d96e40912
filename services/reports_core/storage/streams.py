"""Where a stream of all batches stands: at a snapshot of PostgreSQL, from which it goes on with what came later.

A database sequence would not do: it is not in the order of commits, so a stream that stands at a number would skip what
commits late. A snapshot says of every transaction whether it was over, so what is new is exactly what it does not see;
a writer that stays open for long delays nothing but itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from reports_core.storage.batches import BatchFilter
from reports_core.storage.records import JSON_COLUMNS, Batch, Event

_MOST_XACT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions were over: those below `xmax` that were not in progress, as `pg_snapshot` has it."""

    xmax: int
    in_progress: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, written: str) -> Self:
        """Read PostgreSQL's text of a snapshot, `xmin:xmax:in_progress,...`; raises ValueError for any other."""
        _, xmax, in_progress = written.split(":")
        found = cls(int(xmax), frozenset(int(xact) for xact in in_progress.split(",") if xact))
        if not all(0 <= xact <= _MOST_XACT for xact in (found.xmax, *found.in_progress)):
            raise ValueError(f"no transactions of PostgreSQL: {written}")
        return found

    def __str__(self) -> str:
        in_progress = sorted(self.in_progress)
        xmin = in_progress[0] if in_progress else self.xmax
        return f"{xmin}:{self.xmax}:{','.join(map(str, in_progress))}"

    def sees(self, xact: int) -> bool:
        """Tell whether a transaction was over."""
        return xact < self.xmax and xact not in self.in_progress

    def includes(self, other: Snapshot) -> bool:
        """Tell whether this sees everything that the other one does."""
        return self.xmax >= other.xmax and not any(other.sees(xact) for xact in self.in_progress)

    def shortened(self, most: int) -> Snapshot:
        """Return a snapshot with at most so many transactions in progress that sees nothing this one does not."""
        if len(self.in_progress) <= most:
            return self
        in_progress = sorted(self.in_progress)
        return Snapshot(in_progress[most], frozenset(in_progress[:most]))


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes transaction numbers comparable: the cluster, its timeline, and the database in it."""

    cluster: str
    timeline: str
    database: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.timeline}/{self.database}"


@dataclass(frozen=True, slots=True)
class Landmark:
    """An event that was there: a database that does not have it any more is an older copy, put in its place."""

    xact: int
    mark: str

    @classmethod
    def of(cls, batch_id: UUID, event: Event) -> Self:
        written = f"{batch_id}/{event.sequence}/{event.occurred_at.timestamp()}"
        return cls(event.xact, sha256(written.encode()).hexdigest()[:12])


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """An event among those of all batches, with what it takes to tell whom it concerns."""

    batch_id: UUID
    owner: str
    labels: dict[str, str]
    event: Event


@dataclass(frozen=True, slots=True)
class News:
    """What was committed between two snapshots; `events` is None when it was more than asked for."""

    snapshot: Snapshot
    events: list[StreamEvent] | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The events of one batch from sequence `first` to `last`, all of which are new to a stream."""

    batch_id: UUID
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Present:
    """The batches that are open at a snapshot."""

    snapshot: Snapshot
    batches: list[Batch]


# Behind a pooler this is the server that answers, like every other statement.
_IDENTITY = text("""
    SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
        left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline,
        (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database
""")
_SNAPSHOT = text("SELECT CAST(pg_current_snapshot() AS text)")
_EVENT = "e.batch_id, e.sequence, e.kind, e.status, e.data, e.occurred_at, CAST(CAST(e.xact AS text) AS bigint) AS xact"
_NEWEST = text(f"""
    SELECT {_EVENT} FROM batch_events e WHERE e.xact IS NOT NULL
    ORDER BY e.xact DESC, e.batch_id DESC, e.sequence DESC LIMIT 1
""").columns(data=JSON_COLUMNS["data"])  # noqa: S608 - a constant of this module
_OF_TRANSACTION = text(f"""
    SELECT {_EVENT} FROM batch_events e WHERE e.xact = CAST(CAST(:xact AS text) AS xid8)
""").columns(data=JSON_COLUMNS["data"])  # noqa: S608 - a constant of this module
# Each part has its own LIMIT, so that the index on xact is read no further than needed. The snapshot is that of this
# very statement, so that it sees exactly the events that are returned and those of before. LATERAL with LIMIT keeps it
# at one look into the index per batch, whatever the planner expects.
_NEWS = text(f"""
    SELECT s.snapshot, {_EVENT}, b.owner, b.labels
    FROM (SELECT CAST(pg_current_snapshot() AS text) AS snapshot) AS s LEFT JOIN (
        (SELECT * FROM batch_events WHERE xact >= CAST(CAST(:xmax AS text) AS xid8) ORDER BY xact LIMIT :limit)
        UNION ALL
        (SELECT * FROM batch_events WHERE xact = ANY(CAST(CAST(:in_progress AS text[]) AS xid8[])) LIMIT :limit)
    ) AS e ON true LEFT JOIN LATERAL (
        SELECT owner, labels FROM batches WHERE batch_id = e.batch_id LIMIT 1
    ) AS b ON true
    ORDER BY e.batch_id, e.sequence
""").columns(data=JSON_COLUMNS["data"], labels=JSON_COLUMNS["labels"])  # noqa: S608 - a constant of this module
_MATCHING = """
    b.owner = :owner
    AND (CAST(:batch_ids AS uuid[]) IS NULL OR b.batch_id = ANY(CAST(:batch_ids AS uuid[])))
    AND b.labels @> :labels
"""
_STRETCHES = text(f"""
    SELECT s.snapshot, m.batch_id, m.first, m.last
    FROM (SELECT CAST(pg_current_snapshot() AS text) AS snapshot) AS s LEFT JOIN (
        SELECT e.batch_id, min(e.sequence) AS first, max(e.sequence) AS last FROM (
            SELECT batch_id, sequence, xact FROM batch_events WHERE xact >= CAST(CAST(:xmax AS text) AS xid8)
            UNION ALL
            SELECT batch_id, sequence, xact FROM batch_events
            WHERE xact = ANY(CAST(CAST(:in_progress AS text[]) AS xid8[]))
        ) AS e
        WHERE CAST(:until AS text) IS NULL
            OR pg_visible_in_snapshot(e.xact, CAST(CAST(:until AS text) AS pg_snapshot))
        GROUP BY e.batch_id
        HAVING EXISTS (SELECT FROM batches b WHERE b.batch_id = e.batch_id AND {_MATCHING} OFFSET 0)
    ) AS m ON true
    ORDER BY m.batch_id
""").bindparams(bindparam("labels", type_=JSONB))  # noqa: S608 - a constant of this module
# Open executions have an index of their own, however many batches are over.
_PRESENT = (
    text(f"""
    SELECT s.snapshot, b.* FROM (SELECT CAST(pg_current_snapshot() AS text) AS snapshot) AS s LEFT JOIN (
        SELECT b.* FROM batch_executions e JOIN batches b USING (batch_id)
        WHERE b.task_id = e.task_id AND e.processed_at IS NULL AND {_MATCHING}
            AND (CAST(:statuses AS text[]) IS NULL OR b.status = ANY(CAST(:statuses AS text[])))
            AND (CAST(:after AS uuid) IS NULL OR b.batch_id > CAST(:after AS uuid))
    ) AS b ON true
    ORDER BY b.batch_id
""")  # noqa: S608 - a constant of this module
    .bindparams(bindparam("labels", type_=JSONB))
    .columns(labels=JSON_COLUMNS["labels"])
)
_COMPACTED = text("SELECT CAST(CAST(compacted_xact AS text) AS bigint) FROM event_horizon")


def identity(conn: Connection) -> Identity:
    """Return what a snapshot is worth something in: after a restore or a failover it is another one."""
    row = conn.execute(_IDENTITY).one()
    return Identity(row.cluster, row.timeline, row.database)


def now(conn: Connection) -> Snapshot:
    """Return the snapshot of this moment."""
    return Snapshot.parse(conn.execute(_SNAPSHOT).scalar_one())


def landmark(conn: Connection) -> Landmark | None:
    """Return the newest event as a landmark, None when there is none."""
    row = conn.execute(_NEWEST).one_or_none()
    return Landmark.of(row.batch_id, Event.of(row)) if row else None


def knows(conn: Connection, landmark: Landmark) -> bool:
    """Tell whether the database has the event of a landmark, or may have compacted it."""
    rows = conn.execute(_OF_TRANSACTION, {"xact": str(landmark.xact)})
    if any(Landmark.of(row.batch_id, Event.of(row)) == landmark for row in rows):
        return True
    newest_gone: int = conn.execute(_COMPACTED).scalar_one()
    return newest_gone >= landmark.xact


def news(conn: Connection, since: Snapshot, *, limit: int) -> News:
    """Return the events that `since` does not see, those of one batch in the order of their sequences.

    A batch's events are in both snapshots without a gap, as later ones are committed later: so what is returned of it
    follows directly on what was there before.
    """
    rows = conn.execute(_NEWS, {**_since(since), "limit": limit}).all()
    snapshot = Snapshot.parse(rows[0].snapshot)
    if len(rows) >= limit:
        return News(snapshot, None)
    return News(snapshot, [_stream_event(row) for row in rows if row.batch_id])


def stretches(
    conn: Connection, owner: str, matching: BatchFilter, since: Snapshot, until: Snapshot | None = None
) -> tuple[Snapshot, list[Stretch]]:
    """Return what `since` does not see (and `until` does) of the batches that match, the statuses aside, by batch.

    The snapshot returned is `until`, or without it that of this moment.
    """
    rows = conn.execute(
        _STRETCHES, {**_since(since), **_matching(owner, matching), "until": str(until) if until else None}
    ).all()
    snapshot = until or Snapshot.parse(rows[0].snapshot)
    return snapshot, [Stretch(row.batch_id, row.first, row.last) for row in rows if row.batch_id]


def present(conn: Connection, owner: str, matching: BatchFilter, after: UUID | None = None) -> Present:
    """Return the batches that match and are not final, in the order of their ids, from the one behind `after` on."""
    wanted = _matching(owner, matching) | {"statuses": list(matching.statuses) or None, "after": after}
    rows = conn.execute(_PRESENT, wanted).all()
    return Present(Snapshot.parse(rows[0].snapshot), [Batch.of(row) for row in rows if row.batch_id])


def compacted(conn: Connection, since: Snapshot) -> bool:
    """Tell whether events that `since` does not see may be gone."""
    newest_gone: int = conn.execute(_COMPACTED).scalar_one()
    return newest_gone >= min((since.xmax, *since.in_progress))


def _since(since: Snapshot) -> dict[str, Any]:
    return {"xmax": str(since.xmax), "in_progress": [str(xact) for xact in since.in_progress]}


def _matching(owner: str, matching: BatchFilter) -> dict[str, Any]:
    return {"owner": owner, "batch_ids": list(matching.batch_ids) or None, "labels": matching.labels}


def _stream_event(row: Any) -> StreamEvent:
    return StreamEvent(row.batch_id, row.owner, row.labels, Event.of(row))
