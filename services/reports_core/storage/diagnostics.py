"""How the installation is, of all owners together: the database, the work that is not done, queues and workers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from kombu_postgres.inspection import Backlog, RegisteredConsumer, backlogs, consumers
from reports_core.storage import migrations
from reports_core.storage.queue import BATCH_QUEUE, DEFAULT_QUEUE, REPORT_QUEUE

MOST_COUNTED = 10_000
"""No figure of rows counts beyond it, so that a large backlog costs no more than a small one."""
_MOST_WORKERS = 1000
_QUEUES = (BATCH_QUEUE, REPORT_QUEUE, DEFAULT_QUEUE)

_VERSION = text("SELECT split_part(current_setting('server_version'), ' ', 1)")
# With statistics from before a backlog came the planner likes to read and sort all of it. For this transaction alone.
_PLAN_BY_INDEX = text("""
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
        set_config('enable_sort', 'off', true), set_config('jit', 'off', true)
""")
# An execution is open as long as its batch is not final, and the index on open ones is as small as their number.
# LATERAL with LIMIT keeps it at one look into the index per batch. Waiting items have no index, but batches count them.
_WORK = text("""
    SELECT count(*) AS open_batches, coalesce(sum(b.running), 0) AS running_items,
        coalesce(sum(b.total_reports - b.successful - b.failed - b.cancelled - b.running), 0) AS waiting_items
    FROM (
        SELECT batch_id FROM batch_executions WHERE processed_at IS NULL ORDER BY created_at LIMIT :most
    ) AS e CROSS JOIN LATERAL (
        SELECT total_reports, successful, failed, cancelled, running FROM batches WHERE batch_id = e.batch_id LIMIT 1
    ) AS b
""")


class MigrationStatus(StrEnum):
    """How the revision of a database stands to that which this release needs."""

    CURRENT = "CURRENT"
    BEHIND = "BEHIND"
    AHEAD = "AHEAD"


@dataclass(frozen=True, slots=True)
class Schema:
    """PostgreSQL and what is in it; `revision` is None for a database without tables of ours."""

    version: str
    revision: str | None

    @property
    def expected_revision(self) -> str:
        return migrations.known()[0]

    @property
    def migration_status(self) -> MigrationStatus:
        if self.revision == self.expected_revision:
            return MigrationStatus.CURRENT
        return MigrationStatus.BEHIND if self.revision in (None, *migrations.known()) else MigrationStatus.AHEAD


@dataclass(frozen=True, slots=True)
class Work:
    """Batches that are not final, and their items that wait and that run."""

    open_batches: int
    waiting_items: int
    running_items: int


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What was found; without `work`, queues and workers where the tables are others than this release needs."""

    schema: Schema
    work: Work | None = None
    queues: tuple[Backlog, ...] = ()
    workers: tuple[RegisteredConsumer, ...] = ()


def get(conn: Connection, *, own_queue: bool) -> Diagnostics:
    """Look at everything; with `own_queue` the queues and their workers are in this database too."""
    version: str = conn.execute(_VERSION).scalar_one()
    schema = Schema(version, migrations.current(conn))
    try:
        with conn.begin_nested():
            conn.execute(_PLAN_BY_INDEX)
            work = _work(conn)
            if not own_queue:
                return Diagnostics(schema, work)
            queues = backlogs(conn, _QUEUES, most=MOST_COUNTED)
            workers = consumers(conn, _QUEUES, most=_MOST_WORKERS)
            return Diagnostics(schema, work, tuple(queues), tuple(workers))
    except ProgrammingError:
        # A table or a column that is not there is what the caller wants to hear of, unless it is to be there.
        if schema.migration_status is MigrationStatus.CURRENT:
            raise
        return Diagnostics(schema)


def _work(conn: Connection) -> Work:
    row = conn.execute(_WORK, {"most": MOST_COUNTED}).one()
    return Work(row.open_batches, row.waiting_items, row.running_items)
