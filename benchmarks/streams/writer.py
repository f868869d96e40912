"""Changes a batch as a worker does: claims its items and finishes them, each with its own commit and wake-up."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection

from benchmarks.completions.outcome import OUTCOME
from benchmarks.streams.reports import OWNER, register
from reports_core.storage import attempts, batches, dispatch, events, outcomes
from reports_core.storage.attempts import Attempt, Delivery
from reports_core.storage.batches import NewBatch
from reports_core.storage.engine import sync_engine
from reports_core.storage.queue import DatabaseQueue
from reports_core.storage.records import Batch
from reports_core.storage.transactions import transaction

P = ParamSpec("P")
T = TypeVar("T")

_LEASE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Change:
    """A finished item, and when its writer knew it to be committed, in nanoseconds of the system's monotonic clock."""

    position: int
    committed_at: int


class Writer:
    """A connection to the database, and the attempts that it has claimed."""

    def __init__(self, url: str) -> None:
        self._engine = sync_engine(url, pool_size=1, application_name="writer")
        self._broker = DatabaseQueue()
        self._running: deque[Attempt] = deque()
        self._committed_at = 0

    async def submit(self, reports: int) -> Batch:
        """Submit a batch of so many new reports and dispatch it."""
        with transaction(self._engine) as conn:
            new = NewBatch(owner=OWNER, report_ids=register(conn, reports))
            batch = batches.submit(conn, new, self._broker)
            dispatch.dispatch_execution(conn, batch.task_id, self._broker)
            return batch

    async def claim(self, batch_id: UUID, task_id: UUID, positions: Sequence[int]) -> None:
        """Start an attempt at each of these items."""
        for position in positions:
            delivery = Delivery(batch_id, task_id, position, uuid4(), uuid4())
            attempt = self._do(attempts.claim, delivery, lease=_LEASE, broker=self._broker).attempt
            if attempt is None:
                raise RuntimeError(f"there was nothing to claim at position {position} of batch {batch_id}")
            self._running.append(attempt)
            self._do(events.notify, [batch_id])

    async def finish(self, begin: float, offsets: Sequence[float]) -> list[Change]:
        """Finish an attempt at each of these times after `begin`, or as soon as the one before is finished."""
        changes = []
        for offset in offsets:
            await asyncio.sleep(begin + offset - time.monotonic())
            attempt = self._running.popleft()
            outcomes.finish(self._do, attempt.key, OUTCOME, self._broker)
            changes.append(Change(attempt.key.position, self._committed_at))
        return changes

    def _do(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with transaction(self._engine) as conn:
            result = function(conn, *args, **kwargs)
        if function is outcomes.settle:
            self._committed_at = time.monotonic_ns()
        return result
