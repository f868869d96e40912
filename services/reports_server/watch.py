"""One watch of a batch: a position in its history that moves on as events are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from reports_core.domain.errors import SequenceAhead, SequenceCompacted
from reports_core.storage import batches
from reports_core.storage.records import Batch
from reports_core.storage.transactions import Database
from reports_server import mapping
from reports_server.audience import Chunk
from reports_server.feed import Feed
from reports_server.outgoing import Outgoing
from reports_server.pieces import MOST_BYTES, Piece, join, portion, serialise
from reports_server.topic import Topic


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What a watcher asked for; `after_sequence` None means from a snapshot on."""

    owner: str
    batch_id: UUID
    task_id: UUID | None
    after_sequence: int | None
    exclude_item_events: bool


class Watch:
    """Sends the events of one execution of a batch until its last one."""

    def __init__(self, options: WatchOptions, database: Database, feed: Feed, outgoing: Outgoing) -> None:
        self._options = options
        self._database = database
        self._feed = feed
        self._outgoing = outgoing
        self._epoch = feed.epoch
        self._position = 0
        self._seen = 0

    async def run(self) -> None:
        """Send until the execution is final.

        Raises BatchNotFound, TaskNotFound, SequenceCompacted, SequenceAhead, TooManyWatchers, WatcherTooSlow, Draining
        and StreamInterrupted.
        """
        options = self._options
        # Registered before the first read: what is committed after it wakes this watch.
        with self._feed.admit(options.owner), self._feed.topic(options.batch_id) as topic:
            self._seen = topic.audience.number
            batch = watched = await topic.present(options.owner)
            if options.task_id is not None and options.task_id != batch.task_id:
                watched = await self._database.run(batches.get, options.owner, options.batch_id, options.task_id)
            if await self._start(batch, watched):
                await self._follow(watched.task_id, topic)

    async def _start(self, batch: Batch, watched: Batch) -> bool:
        """Find the position to start from; False when nothing is to come after it."""
        after = self._options.after_sequence
        if after is None:
            self._position = watched.last_sequence
            await self._outgoing.send(serialise([mapping.snapshot_message(watched)]))
        else:
            if after > batch.last_sequence:
                raise SequenceAhead(after, batch.last_sequence)
            if after + 1 < batch.oldest_sequence:
                raise SequenceCompacted(after, batch.oldest_sequence)
            self._position = after
        return not watched.status.final or self._position < watched.last_sequence

    async def _follow(self, task_id: UUID, topic: Topic) -> None:
        while True:
            self._feed.check(self._epoch)
            if chunks := self._next(topic, task_id):
                ended = await self._send_chunks(chunks, task_id)
            elif self._position < topic.position:
                ended = await self._send_past(topic, task_id)
            else:
                ended = False
                if not await self._outgoing.news(topic.audience):
                    await self._send_heartbeat()
            if ended:
                return

    def _next(self, topic: Topic, task_id: UUID) -> list[Chunk[int]]:
        """Return the chunks not seen yet that follow on this position, as far as they fit into a message."""
        found: list[Chunk[int]] = []
        position, size = self._position, 0
        for chunk in topic.audience.since(self._seen):
            if chunk.after == position:
                size += len(chunk.data(exclude_items=self._options.exclude_item_events))
                if found and (size > MOST_BYTES or found[-1].ends == task_id):
                    break
                found.append(chunk)
                position = chunk.last
            self._seen = chunk.number
        return found

    async def _send_chunks(self, chunks: list[Chunk[int]], task_id: UUID) -> bool:
        """Send what all watchers at this position get, in one message; True when the execution ends with it."""
        data = [chunk.data(exclude_items=self._options.exclude_item_events) for chunk in chunks]
        if message := data[0] if len(data) == 1 else b"".join(data):
            await self._outgoing.send(message)
        self._position = chunks[-1].last
        return chunks[-1].ends == task_id

    async def _send_past(self, topic: Topic, task_id: UUID) -> bool:
        """Send the next part of what others have already; True when the execution ends with it."""
        pieces: Sequence[Piece] = await self._feed.history.after(topic.batch_id, self._position)
        if not pieces or pieces[0].sequence != self._position + 1:
            oldest = pieces[0].sequence if pieces else (await topic.present(self._options.owner)).oldest_sequence
            raise SequenceCompacted(self._position, oldest)
        pieces, ended = _until_the_end(portion(pieces), task_id)
        if data := join(pieces, exclude_items=self._options.exclude_item_events):
            await self._outgoing.send(data)
        self._position = pieces[-1].sequence
        return ended

    async def _send_heartbeat(self) -> None:
        now = datetime.now(UTC)
        message = mapping.heartbeat_message(str(self._options.batch_id), self._position, now)
        await self._outgoing.send(serialise([message]))


def _until_the_end(pieces: Sequence[Piece], task_id: UUID) -> tuple[Sequence[Piece], bool]:
    """Leave out what follows on the last event of an execution, which belongs to a later one."""
    for index, piece in enumerate(pieces):
        if piece.ends == task_id:
            return pieces[: index + 1], True
    return pieces, False
