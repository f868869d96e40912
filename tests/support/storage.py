"""A migrated database with what tests of the storage do to it, each call in a transaction of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from reports_core.domain.analysis import (
    Metric,
    ModelFinding,
    ModelReview,
    ReportAnalysis,
    RiskIndicator,
    Score,
    Section,
    Theme,
)
from reports_core.domain.retry import Failure
from reports_core.storage import attempts, batches, dispatch, events, items, outcomes, queue
from reports_core.storage.attempts import Attempt, Claim, Delivery
from reports_core.storage.batches import NewBatch, Retry
from reports_core.storage.engine import sync_engine
from reports_core.storage.outcomes import Finished, Outcome
from reports_core.storage.queue import DatabaseQueue
from reports_core.storage.records import Batch, Event, Item
from reports_core.storage.sweep import Sweeper, Swept
from reports_core.storage.transactions import transaction

OWNER = "default"
LEASE = timedelta(minutes=5)
LAPSED = timedelta(seconds=-1)
"""A lease that has ended when the claim commits."""
EVENT_RETENTION = timedelta(days=7)

P = ParamSpec("P")
T = TypeVar("T")

_REGISTER = """
    INSERT INTO reports (report_id, owner, company_id, report_type, content_type, content_size_bytes, content_sha256)
    SELECT r.report_id, :owner, r.report_id, '10_K', 'text/plain', 1, repeat('0', 64)
    FROM unnest(CAST(:report_ids AS uuid[])) AS r(report_id)
"""


def analysis(**changed: object) -> ReportAnalysis:
    """Return an analysis that has something in each of its fields."""
    fields: dict[str, Any] = {
        "model_version": "lexicon-1",
        "content_type": "text/html",
        "word_count": 1200,
        "optimism": Score(0.625, 0.75),
        "risk": Score(0.25, 0.5),
        "uncertainty": Score(0.125, 1.0),
        "key_themes": (Theme("supply chain", 0.5),),
        "risk_indicators": (RiskIndicator("going concern", 0.875, "substantial doubt"),),
        "sections": (Section("MD_A", "Item 7.", 300, Score(0.5, 0.5), Score(0.25, 0.5), Score(0.75, 0.5)),),
        "financial_metrics": (Metric("us-gaap:Revenues", 1e9, "USD", "2024-01-01", "2024-12-31"),),
        "warnings": ("Two tags were malformed.",),
        "model_review": ModelReview(
            "m", "It grew.", (ModelFinding("Sales grew.", "sales grew", "MD_A", "Item 7."),), 1200, 90
        ),
    }
    return ReportAnalysis(**fields | changed)


SUCCESS = Outcome(analysis=analysis(), processing_time=timedelta(seconds=1.5))
REFUSED = Outcome(failure=Failure("UNSUPPORTED_FORMAT", "This is an image."))
BROKEN = Outcome(failure=Failure("INTERNAL", "The analysis failed unexpectedly.", retryable=True))
STOPPED = Outcome(cancelled=True)


class Store:
    """The storage functions on one database."""

    def __init__(self, database_url: str) -> None:
        self.engine = sync_engine(database_url, pool_size=12, application_name="tests")
        self.queue: queue.Queue = DatabaseQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.engine.dispose()

    def do(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with transaction(self.engine) as conn:
            return function(conn, *args, **kwargs)

    def rows(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        with self.engine.begin() as conn:
            result = conn.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    def value(self, statement: str, **parameters: object) -> Any:
        ((value,),) = self.rows(statement, **parameters)
        return value

    def count(self, table: str, condition: str = "true", **parameters: object) -> int:
        return int(self.value(f"SELECT count(*) FROM {table} WHERE {condition}", **parameters))  # noqa: S608 - a test's own words

    def reports(self, count: int, owner: str = OWNER) -> list[str]:
        """Register so many reports and return their ids."""
        report_ids = [str(uuid4()) for _ in range(count)]
        self.rows(_REGISTER, report_ids=report_ids, owner=owner)
        return report_ids

    def submit(self, reports: int | Sequence[str] = 1, *, dispatched: bool = True, **options: Any) -> Batch:
        """Submit so many new reports, or these; dispatched as by the worker, unless told otherwise."""
        report_ids = self.reports(reports) if isinstance(reports, int) else reports
        new = NewBatch(owner=OWNER, report_ids=report_ids, **options)
        batch = self.do(batches.submit, new, self.queue)
        if dispatched:
            self.take(queue.BATCH_QUEUE, [batch.task_id])
            self.do(dispatch.dispatch_execution, batch.task_id, self.queue)
        return batch

    def take(self, name: str, message_ids: Iterable[UUID] = ()) -> int:
        """Take these messages, or all, out of a queue for good; return how many there were."""
        taken = self.rows(
            """
            DELETE FROM kombu_message WHERE queue = :name AND visible AND (
                CAST(:message_ids AS text[]) IS NULL OR message_id = ANY(CAST(:message_ids AS text[])))
            RETURNING id
            """,
            name=name,
            message_ids=[str(message_id) for message_id in message_ids] or None,
        )
        return len(taken)

    def waiting(self, name: str) -> int:
        """Return how many messages wait in a queue."""
        return self.count("kombu_message", "visible AND queue = :name", name=name)

    def claim(
        self,
        batch: Batch,
        position: int = 0,
        *,
        lease: timedelta = LEASE,
        message_id: UUID | None = None,
        redelivered: bool = False,
    ) -> Claim:
        """Have a worker of its own get a message for an item: a new one, unless told which."""
        delivery = Delivery(batch.batch_id, batch.task_id, position, message_id or uuid4(), uuid4(), redelivered)
        return self.do(attempts.claim, delivery, lease=lease, broker=self.queue)

    def message_id(self, name: str = queue.REPORT_QUEUE) -> UUID:
        """Return the id of the only message of a queue."""
        return UUID(self.value("SELECT message_id FROM kombu_message WHERE queue = :name", name=name))

    def start(
        self, batch: Batch, position: int = 0, *, lease: timedelta = LEASE, message_id: UUID | None = None
    ) -> Attempt:
        """Claim an item that must be there to claim."""
        attempt = self.claim(batch, position, lease=lease, message_id=message_id).attempt
        assert attempt is not None
        return attempt

    def finish(self, attempt: Attempt, outcome: Outcome = SUCCESS) -> Finished:
        return outcomes.finish(self.do, attempt.key, outcome, self.queue)

    def run(self, batch: Batch, position: int = 0, outcome: Outcome = SUCCESS) -> Finished:
        """Process one item from its claim to its end."""
        return self.finish(self.start(batch, position), outcome)

    def run_all(self, batch: Batch, *outcomes: Outcome) -> Batch:
        """Process the items one after another and return the batch after the last one."""
        for position, outcome in enumerate(outcomes):
            self.run(batch, position, outcome)
        return self.batch(batch)

    def batch(self, batch: Batch) -> Batch:
        """Return the batch as it is now."""
        return self.do(batches.get, OWNER, batch.batch_id)

    def cancel(self, batch: Batch, **options: str) -> Batch:
        return self.do(batches.cancel, OWNER, batch.batch_id, **options)

    def retry(self, batch: Batch, **options: Any) -> Batch:
        return self.do(batches.retry, OWNER, batch.batch_id, Retry(**options), self.queue)

    def items(self, batch: Batch, *, task_id: UUID | None = None) -> list[Item]:
        shown = self.do(batches.get, OWNER, batch.batch_id, task_id)
        current = shown.task_id == self.batch(batch).task_id
        return self.do(items.list_page, shown, current=current, after=-1, limit=10_000)

    def item(self, batch: Batch, position: int = 0) -> Item:
        return self.items(batch)[position]

    def events(self, batch: Batch, *, after: int = 0) -> list[Event]:
        return self.do(events.read, batch.batch_id, after=after, limit=100_000)

    def sweeper(self) -> Sweeper:
        return Sweeper(self.engine, self.queue, event_retention=EVENT_RETENTION)

    def sweep(self) -> Swept:
        """Sweep, as nobody else does at the same time."""
        swept = self.sweeper().sweep()
        assert swept is not None
        return swept

    def pass_time(self, batch: Batch, interval: str) -> None:
        """Move what happened to a batch into the past."""
        for table, columns in _TIMES.items():
            moved = ", ".join(f"{column} = {column} - CAST(:interval AS interval)" for column in columns)
            self.rows(
                f"UPDATE {table} SET {moved} WHERE batch_id = :batch_id",  # noqa: S608 - names of our own tables
                interval=interval,
                batch_id=batch.batch_id,
            )


_TIMES = {
    "batches": ("processed_at",),
    "batch_executions": ("created_at", "dispatched_at", "deadline_at"),
    "batch_items": ("dispatched_at", "next_attempt_at", "lease_expires_at"),
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
