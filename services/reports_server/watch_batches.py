"""One watch of all batches that match: a snapshot of the database that moves on as events are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from fna.reports.v1 import batch_pb2
from fna.reports.v1.batch_status_service_pb2 import WatchBatchesResponse
from reports_core.domain.errors import ResumeTokenExpired, ResumeTokenInvalid
from reports_core.storage import streams
from reports_core.storage.batches import BatchFilter
from reports_core.storage.streams import Snapshot, Stretch
from reports_core.storage.transactions import Database
from reports_server import mapping
from reports_server.audience import Chunk
from reports_server.feed import Feed
from reports_server.outgoing import Outgoing
from reports_server.pieces import MOST_BYTES, Piece, join, portion
from reports_server.resume_token import Reached, ResumeToken
from reports_server.tail import Selection

_SNAPSHOTS_PER_MESSAGE = 100


@dataclass(frozen=True, slots=True)
class WatchBatchesOptions:
    """What a watcher asked for; `resume_token` empty means from the present on."""

    owner: str
    matching: BatchFilter
    resume_token: str
    exclude_item_events: bool


class WatchBatches:
    """Sends the events of all batches that match, for as long as somebody takes them."""

    def __init__(self, options: WatchBatchesOptions, database: Database, feed: Feed, outgoing: Outgoing) -> None:
        self._options = options
        self._database = database
        self._feed = feed
        self._tail = feed.tail
        self._outgoing = outgoing
        self._epoch = feed.epoch

    async def run(self) -> None:
        """Send until the watcher leaves.

        Raises ResumeTokenInvalid, ResumeTokenExpired, TooManyWatchers, WatcherTooSlow, Draining and StreamInterrupted.
        """
        options = self._options
        token = ResumeToken.decode(options.resume_token) if options.resume_token else None
        with self._feed.admit(options.owner):
            async with self._tail.select(options.owner, options.matching) as selection:
                # From here on chunks are kept; what the first read shows already is left out of them.
                seen = selection.audience.number
                position = await self._resume(selection, token) if token else await self._begin(selection)
                await self._follow(selection, position, seen)

    async def _begin(self, selection: Selection, since: Snapshot | None = None, begun: UUID | None = None) -> Snapshot:
        """Send the batches that are open, those behind `begun` only, and return from where on to follow all of them."""
        found = await self._database.run(streams.present, self._options.owner, self._options.matching, begun)
        since = since or found.snapshot
        batches = found.batches
        for start in range(0, len(batches), _SNAPSHOTS_PER_MESSAGE):
            page = batches[start : start + _SNAPSHOTS_PER_MESSAGE]
            last = page[-1].batch_id
            # Whoever is cut off after this message still has to be told of the others.
            token = self._tail.token(selection, since, begun=None if last == batches[-1].batch_id else last)
            await self._send_events([mapping.snapshot_message(batch) for batch in page], token)
        if not batches:
            # So that whoever is cut off now has where to continue.
            await self._send_heartbeat(selection, since)
        return since

    async def _resume(self, selection: Selection, token: ResumeToken) -> Snapshot:
        """Send what came since a token, and return as of when that was read."""
        if token.selection != selection.id:
            raise ResumeTokenInvalid
        # Another server may have issued it a moment ago: what this one has read so far says nothing.
        now = await self._database.run(streams.now)
        if token.identity != self._tail.identity or token.since.xmax > now.xmax:
            raise ResumeTokenExpired
        if token.landmark and not await self._database.run(streams.knows, token.landmark):
            raise ResumeTokenExpired
        position = token.since
        if token.begun:
            # What these snapshots show already comes again below, as it may after any resumption.
            await self._begin(selection, position, token.begun)
        if token.reached:
            position = await self._catch_up(selection, position, token.reached)
        return await self._catch_up(selection, position)

    async def _follow(self, selection: Selection, position: Snapshot, seen: int) -> None:
        in_step = False
        """Whether the position is one of the tail's: then its chunks are exactly what is new."""
        while True:
            self._feed.check(self._epoch)
            chunks = selection.audience.since(seen)
            if selection.audience.number > seen and (not chunks or chunks[0].number != seen + 1):
                seen, in_step = selection.audience.number, False
                position = await self._catch_up(selection, position)
                continue
            # Messages in a row are one, with the token of the last.
            data = b""
            for chunk in chunks:
                if len(data) > MOST_BYTES:
                    await self._outgoing.send(data)
                    data = b""
                seen = chunk.number
                if in_step:
                    data += chunk.data(exclude_items=self._options.exclude_item_events)
                elif position.includes(chunk.last):
                    continue
                else:
                    data += self._unseen(chunk, position)
                position, in_step = chunk.last, True
            if data:
                await self._outgoing.send(data)
            if not chunks and not await self._outgoing.news(selection.audience):
                self._feed.check(self._epoch)
                if selection.audience.number == seen and self._tail.snapshot.includes(position):
                    position, in_step = self._tail.snapshot, True
                await self._send_heartbeat(selection, position)

    def _unseen(self, chunk: Chunk[Snapshot], position: Snapshot) -> bytes:
        pieces = [piece for piece in chunk.pieces if not position.sees(piece.xact)]
        data = join(pieces, exclude_items=self._options.exclude_item_events)
        return data + chunk.trailer if data else b""

    async def _catch_up(self, selection: Selection, since: Snapshot, reached: Reached | None = None) -> Snapshot:
        """Send from the table what is new since a snapshot, batch by batch, and return until when that was."""
        until, stretches = await self._database.run(
            streams.stretches, self._options.owner, self._options.matching, since, reached.until if reached else None
        )
        # After the look at what there is: what is deleted from now on leaves a gap that shows.
        if await self._database.run(streams.compacted, since):
            raise ResumeTokenExpired
        for stretch in stretches:
            after = stretch.first - 1
            if reached and stretch.batch_id <= reached.batch_id:
                after = reached.sequence if stretch.batch_id == reached.batch_id else stretch.last
            await self._send_stretch(selection, stretch, after, since, until)
        return until

    async def _send_stretch(
        self, selection: Selection, stretch: Stretch, after: int, since: Snapshot, until: Snapshot
    ) -> None:
        while after < stretch.last:
            pieces: Sequence[Piece] = await self._feed.history.after(stretch.batch_id, after)
            if not pieces or pieces[0].sequence != after + 1:
                raise ResumeTokenExpired
            pieces = portion([piece for piece in pieces if piece.sequence <= stretch.last])
            after = pieces[-1].sequence
            token = self._tail.token(selection, since, reached=Reached(until, stretch.batch_id, after))
            await self._send_pieces(selection, pieces, token)
            self._feed.check(self._epoch)

    async def _send_pieces(self, selection: Selection, pieces: Sequence[Piece], token: str) -> None:
        wanted = [piece for piece in pieces if selection.wants(piece)]
        if data := join(wanted, exclude_items=self._options.exclude_item_events):
            await self._outgoing.send(data + _token_field(token))

    async def _send_heartbeat(self, selection: Selection, position: Snapshot) -> None:
        heartbeat = mapping.heartbeat_message("", 0, datetime.now(UTC))
        await self._send_events([heartbeat], self._tail.token(selection, position))

    async def _send_events(self, events: Sequence[batch_pb2.BatchEvent], token: str) -> None:
        await self._outgoing.send(WatchBatchesResponse(events=events, resume_token=token).SerializeToString())


def _token_field(token: str) -> bytes:
    return WatchBatchesResponse(resume_token=token).SerializeToString()
