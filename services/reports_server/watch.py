"""One watch of a batch: a position in its history that moves on as events are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from fna.reports.v1 import batch_pb2 as pb
from reports_core.domain.errors import SequenceAhead, SequenceCompacted, WatcherTooSlow
from reports_core.storage import batches, events
from reports_core.storage.records import Batch, Event
from reports_core.storage.transactions import Database
from reports_server import mapping
from reports_server.errors import Draining
from reports_server.feed import Feed, Subscription

WRITE_SECONDS = 60.0
"""How long a watcher may take nothing before its stream is ended."""
_EVENTS_PER_READ = 500

Send = Callable[[Sequence[pb.BatchEvent]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What a watcher asked for; `after_sequence` None means from a snapshot on."""

    owner: str
    batch_id: UUID
    task_id: UUID | None
    after_sequence: int | None
    heartbeat_seconds: float
    exclude_item_events: bool


class Watch:
    """Sends the events of one execution of a batch until its last one."""

    def __init__(self, options: WatchOptions, database: Database, feed: Feed, send: Send) -> None:
        self._options = options
        self._batch_id = str(options.batch_id)
        self._database = database
        self._feed = feed
        self._send = send
        self._position = 0

    async def run(self) -> None:
        """Send until the execution is final.

        Raises BatchNotFound, TaskNotFound, SequenceCompacted, SequenceAhead, TooManyWatchers, WatcherTooSlow and
        Draining.
        """
        options = self._options
        # Registered before the first read: what is committed after it wakes this watch.
        with self._feed.subscribe(options.batch_id) as subscription:
            batch = await self._database.run(batches.get, options.owner, options.batch_id)
            watched = batch
            if options.task_id is not None and options.task_id != batch.task_id:
                watched = await self._database.run(batches.get, options.owner, options.batch_id, options.task_id)
            if await self._start(batch, watched):
                subscription.position = self._position
                await self._follow(watched.task_id, subscription)

    async def _start(self, batch: Batch, watched: Batch) -> bool:
        """Find the position to start from; False when nothing is to come after it."""
        after = self._options.after_sequence
        if after is None:
            self._position = watched.last_sequence
            await self._write([mapping.snapshot_message(watched)])
        else:
            if after > batch.last_sequence:
                raise SequenceAhead(after, batch.last_sequence)
            self._position = after
        return not watched.status.final or self._position < watched.last_sequence

    async def _follow(self, task_id: UUID, subscription: Subscription) -> None:
        due = self._next_heartbeat()
        while True:
            if self._feed.draining:
                raise Draining
            found = await self._database.run(
                events.read, self._options.batch_id, after=self._position, limit=_EVENTS_PER_READ
            )
            self._check_gap(found)
            end = next((index for index, event in enumerate(found) if _ends(event, task_id)), None)
            if end is not None:
                # What follows belongs to a later execution.
                found = found[: end + 1]
            subscription.position = found[-1].sequence if found else self._position
            if messages := [*self._messages(found), *self._progress(subscription)]:
                await self._write(messages)
                due = self._next_heartbeat()
            if end is not None:
                return
            if len(found) == _EVENTS_PER_READ:
                continue
            if not await subscription.changed(max(0.0, due - time.monotonic())):
                await self._write([mapping.heartbeat_message(self._batch_id, self._position, datetime.now(UTC))])
                due = self._next_heartbeat()

    def _next_heartbeat(self) -> float:
        return time.monotonic() + self._options.heartbeat_seconds

    def _check_gap(self, found: Sequence[Event]) -> None:
        if found and found[0].sequence > self._position + 1:
            raise SequenceCompacted(self._position, found[0].sequence)

    def _messages(self, found: Sequence[Event]) -> list[pb.BatchEvent]:
        if found:
            self._position = found[-1].sequence
        return [
            mapping.event_message(self._batch_id, event)
            for event in found
            if not (self._options.exclude_item_events and event.kind != "STATUS_CHANGED")
        ]

    def _progress(self, subscription: Subscription) -> list[pb.BatchEvent]:
        now = datetime.now(UTC)
        pending = [subscription.progress.popleft() for _ in range(len(subscription.progress))]
        if self._options.exclude_item_events:
            return []
        return [mapping.progress_message(progress, self._position, now) for progress in pending]

    async def _write(self, messages: Sequence[pb.BatchEvent]) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._send(messages)
        except TimeoutError:
            raise WatcherTooSlow(WRITE_SECONDS) from None


def _ends(event: Event, task_id: UUID) -> bool:
    """Tell whether an event is the last one of the watched execution; a replay passes the ends of earlier ones."""
    data = event.data
    return event.kind == "STATUS_CHANGED" and bool(data["final"]) and data["batch"]["task_id"] == str(task_id)
