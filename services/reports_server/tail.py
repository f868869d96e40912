"""The newest events of all batches, read once for all who watch many of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from fna.reports.v1.batch_status_service_pb2 import WatchBatchesResponse
from reports_core.storage import streams
from reports_core.storage.batches import BatchFilter
from reports_core.storage.events import Progress
from reports_core.storage.streams import Landmark, Snapshot, StreamEvent
from reports_core.storage.transactions import Database
from reports_server import mapping
from reports_server.audience import Audience
from reports_server.pace import Pace
from reports_server.pieces import Piece, portion, serialise
from reports_server.repeater import Repeater
from reports_server.resume_token import Reached, ResumeToken, selection_id

_EVENTS_PER_READ = 2_000
_BATCHES_KNOWN = 10_000


class Selection:
    """The batches of one owner that match a filter, and who watches them."""

    def __init__(self, owner: str, matching: BatchFilter, pace: Pace) -> None:
        self.id = selection_id(owner, matching)
        self.owner = owner
        self.matching = matching
        self.audience: Audience[Snapshot] = Audience(pace)
        self.watchers = 0
        self._batch_ids = {UUID(batch_id) for batch_id in matching.batch_ids}
        self._labels = matching.labels.items()
        self._statuses = frozenset(str(status) for status in matching.statuses)

    def matches(self, batch_id: UUID, owner: str, labels: dict[str, str]) -> bool:
        """Tell whether a batch belongs to it, its status aside."""
        return (
            owner == self.owner
            and (not self._batch_ids or batch_id in self._batch_ids)
            and self._labels <= labels.items()
        )

    def wants(self, piece: Piece) -> bool:
        """Tell whether the batch had one of the statuses before or after an event."""
        return not self._statuses or not piece.statuses or not self._statuses.isdisjoint(piece.statuses)


@dataclass(frozen=True, slots=True)
class _Known:
    """What progress needs to know of its batch; it tells only its id."""

    owner: str
    labels: dict[str, str]
    piece: Piece


class Tail:
    """Follows the events of all batches from snapshot to snapshot, as long as somebody watches many of them."""

    def __init__(self, database: Database, on_replaced: Callable[[], None]) -> None:
        self._database = database
        self._on_replaced = on_replaced
        self._selections: dict[str, Selection] = {}
        self._pace = Pace()
        self._repeater = Repeater(self._advance, self._pace.turn)
        self._snapshot: Snapshot | None = None
        self._starting = asyncio.Lock()
        self._landmark: Landmark | None = None
        self._known: dict[UUID, _Known] = {}
        self._progress: dict[tuple[str, int], Progress] = {}
        self.identity = ""

    @property
    def snapshot(self) -> Snapshot:
        """What was read so far, and handed out where somebody wants it. Raises LookupError while nobody watches."""
        if self._snapshot is None:
            raise LookupError("nobody has selected anything")
        return self._snapshot

    @property
    def selections(self) -> Iterator[Selection]:
        return iter(self._selections.values())

    @asynccontextmanager
    async def select(self, owner: str, matching: BatchFilter) -> AsyncIterator[Selection]:
        """Follow what matches, from before this returns on; those who select the same share it."""
        key = selection_id(owner, matching)
        selection = self._selections.setdefault(key, Selection(owner, matching, self._pace))
        selection.watchers += 1
        try:
            async with self._starting:
                if self._snapshot is None:
                    self._landmark = await self._database.run(streams.landmark)
                    self._snapshot = await self._database.run(streams.now)
            yield selection
        finally:
            selection.watchers -= 1
            if not selection.watchers and self._selections.get(key) is selection:
                del self._selections[key]
            if not self._selections:
                self.begin_anew()

    def wake(self) -> None:
        """Read what is new, if anybody watches."""
        if self._selections:
            self._repeater.ask()

    def tell(self, progress: Progress) -> None:
        """Pass on how far an item is; only of batches that had an event since somebody watches."""
        if self._selections and UUID(progress.batch_id) in self._known:
            self._progress[progress.batch_id, progress.position] = progress
            self._repeater.ask()

    def token(
        self, selection: Selection, since: Snapshot, *, reached: Reached | None = None, begun: UUID | None = None
    ) -> str:
        """Return the token with which a watcher continues after a snapshot, or on the way to the next one."""
        return ResumeToken(self.identity, selection.id, since, self._landmark, reached, begun).encode()

    def stop(self) -> None:
        """Read no more."""
        self._repeater.stop()

    def begin_anew(self) -> None:
        """Forget everything; those who watch already get nothing more."""
        self._repeater.stop()
        self._selections = {}
        self._snapshot = None
        self._known.clear()
        self._progress.clear()

    async def _advance(self) -> None:
        before = self._snapshot
        if before is None:
            return
        news = await self._database.run(streams.news, before, limit=_EVENTS_PER_READ)
        if self._snapshot is not before:
            # It began anew meanwhile.
            return
        if not news.snapshot.includes(before):
            # Nothing takes a transaction back, but an older copy of the database in its place.
            self._on_replaced()
            return
        self._snapshot = news.snapshot
        if news.events is None:
            for selection in self._selections.values():
                selection.audience.skip()
                selection.audience.wake()
            return
        pieces = [(event, Piece.of(event.batch_id, event.event)) for event in news.events]
        for event, piece in pieces:
            self._remember(event, piece)
        if news.events:
            newest = max(news.events, key=lambda event: event.event.xact)
            self._landmark = Landmark.of(newest.batch_id, newest.event)
        told, self._progress = list(self._progress.values()), {}
        for selection in self._selections.values():
            self._hand_out(selection, before, news.snapshot, pieces, told)

    def _hand_out(
        self,
        selection: Selection,
        before: Snapshot,
        snapshot: Snapshot,
        pieces: list[tuple[StreamEvent, Piece]],
        told: list[Progress],
    ) -> None:
        wanted = [
            piece
            for event, piece in pieces
            if selection.matches(event.batch_id, event.owner, event.labels) and selection.wants(piece)
        ]
        progress = self._progress_message(selection, told)
        if portion(wanted) is not wanted:
            # Too much for one message: everybody reads it in parts, each with a token of its own.
            selection.audience.skip()
            selection.audience.wake()
        elif wanted or progress:
            trailer = WatchBatchesResponse(resume_token=self.token(selection, snapshot)).SerializeToString()
            selection.audience.publish(before, snapshot, wanted, progress=progress, trailer=trailer)
            selection.audience.wake()

    def _progress_message(self, selection: Selection, told: list[Progress]) -> bytes:
        now = datetime.now(UTC)
        messages = []
        for progress in told:
            batch_id = UUID(progress.batch_id)
            known = self._known.get(batch_id)
            if known and selection.matches(batch_id, known.owner, known.labels) and selection.wants(known.piece):
                messages.append(mapping.progress_message(progress, known.piece.sequence, now))
        return serialise(messages)

    def _remember(self, event: StreamEvent, piece: Piece) -> None:
        self._known.pop(event.batch_id, None)
        self._known[event.batch_id] = _Known(event.owner, event.labels, piece)
        if len(self._known) > _BATCHES_KNOWN:
            oldest = next(iter(self._known))
            del self._known[oldest]
