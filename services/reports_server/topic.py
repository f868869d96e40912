"""One batch that is watched: where its history stands, read once for all its watchers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from reports_core.domain.errors import BatchNotFound
from reports_core.storage import batches
from reports_core.storage.events import Progress
from reports_core.storage.records import Batch
from reports_core.storage.transactions import Database
from reports_server import mapping
from reports_server.audience import Audience
from reports_server.history import History
from reports_server.pace import Pace
from reports_server.pieces import Piece, portion, serialise
from reports_server.repeater import Repeater

_EVENTS_PER_READ = 500


class Topic:
    """Reads what is new when it is woken, and hands it to the watchers that stand at its position."""

    def __init__(self, batch_id: UUID, database: Database, history: History) -> None:
        self.batch_id = batch_id
        self.watchers = 0
        self._database = database
        self._history = history
        pace = Pace()
        self.audience: Audience[int] = Audience(pace)
        self._repeater = Repeater(self._advance, pace.turn)
        self._position: int | None = None
        self._behind = False
        self._progress: dict[int, Progress] = {}
        self._next_look: asyncio.Task[Batch] | None = None
        self._look: asyncio.Task[Batch] | None = None

    @property
    def position(self) -> int:
        """Sequence of the newest event that was read."""
        return self._position or 0

    async def present(self, owner: str) -> Batch:
        """Return the batch as it is stored now or later; one read for all who ask meanwhile. Raises BatchNotFound."""
        # A read that has begun may have seen what was before this moment: the next one has not.
        if self._next_look is None:
            self._next_look = asyncio.create_task(self._read_present(self._look))
        batch = await asyncio.shield(self._next_look)
        if batch.owner != owner:
            raise BatchNotFound(self.batch_id)
        return batch

    def wake(self) -> None:
        """Read what is new."""
        self._behind = True
        self._repeater.ask()

    def tell(self, progress: Progress) -> None:
        """Pass on how far an item is, together with the next events or alone; only the newest of each item."""
        self._progress[progress.position] = progress
        self._repeater.ask()

    def stop(self) -> None:
        """Read no more."""
        self._repeater.stop()

    async def _read_present(self, before: asyncio.Task[Batch] | None) -> Batch:
        if before:
            await asyncio.wait([before])
        self._look, self._next_look = self._next_look, None
        batch = await self._database.run(batches.find, self.batch_id)
        if self._position is None:
            self._position = batch.last_sequence
        if self._behind or self._position < batch.last_sequence:
            self.wake()
        return batch

    async def _advance(self) -> None:
        if self._position is None:
            # The first look at the batch asks again.
            return
        pieces: Sequence[Piece] = ()
        if self._behind:
            self._behind = False
            pieces = await self._history.newest(self.batch_id, self._position, limit=_EVENTS_PER_READ)
        self._publish(pieces)
        if len(pieces) == _EVENTS_PER_READ:
            self.wake()

    def _publish(self, pieces: Sequence[Piece]) -> None:
        """Hand out chunks that fit into messages, and end with each execution, as its watchers stop there."""
        before = self.audience.number
        while pieces:
            part = portion(pieces)
            end = next((index for index, piece in enumerate(part) if piece.ends), len(part) - 1)
            last = part[end]
            self.audience.publish(self.position, last.sequence, part[: end + 1], ends=last.ends)
            self._position, pieces = last.sequence, pieces[end + 1 :]
        if self._progress:
            self.audience.publish(self.position, self.position, (), progress=self._take_progress())
        if self.audience.number > before:
            self.audience.wake()

    def _take_progress(self) -> bytes:
        told, self._progress = self._progress, {}
        now = datetime.now(UTC)
        return serialise(mapping.progress_message(progress, self.position, now) for progress in told.values())
