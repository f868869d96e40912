"""The watchers that read the same stream: what was sent last, and who waits for more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from uuid import UUID

from reports_server.pace import Pace, Wave
from reports_server.pieces import Piece, join

P = TypeVar("P")

_KEPT = 16
_KEPT_SECONDS = 2.0


@dataclass(slots=True)
class Chunk(Generic[P]):
    """What leads from one position of a stream to a later one; the same for all who stand there.

    `ends` is the execution that is over with it; `progress` is a message without stored events, or empty; `trailer`
    is what goes along with any event.
    """

    number: int
    after: P
    last: P
    pieces: Sequence[Piece]
    progress: bytes
    trailer: bytes
    ends: UUID | None
    at: float
    _whole: bytes | None = field(default=None, init=False)
    _without_items: bytes | None = field(default=None, init=False)

    def data(self, *, exclude_items: bool) -> bytes:
        """Return the message for a watcher, empty when it is to see nothing of this; built once."""
        if exclude_items:
            if self._without_items is None:
                self._without_items = self._message(join(self.pieces, exclude_items=True))
            return self._without_items
        if self._whole is None:
            self._whole = self._message(join(self.pieces, exclude_items=False) + self.progress)
        return self._whole

    def _message(self, events: bytes) -> bytes:
        return events + self.trailer if events else b""


class Audience(Generic[P]):
    """Hands chunks to the watchers that wait, and keeps the last few for those that are still at an earlier one.

    Nothing is queued for anybody: whoever falls further behind reads the table.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._chunks: deque[Chunk[P]] = deque(maxlen=_KEPT)
        self._waiting: dict[object, asyncio.Future[Wave | None]] = {}
        self.number = 0
        """Number of the newest chunk."""

    def publish(
        self,
        after: P,
        last: P,
        pieces: Sequence[Piece],
        *,
        progress: bytes = b"",
        trailer: bytes = b"",
        ends: UUID | None = None,
    ) -> None:
        """Add a chunk; `wake` has it sent."""
        self.number += 1
        now = asyncio.get_running_loop().time()
        self._chunks.append(Chunk(self.number, after, last, pieces, progress, trailer, ends, now))

    def skip(self) -> None:
        """Say that there is something that is not handed out: everybody is to read it for himself."""
        self.number += 1
        self._chunks.clear()

    def wake(self) -> None:
        """Have all who wait look at what there is."""
        waiting, self._waiting = self._waiting, {}
        wave = self._pace.wave(len(waiting))
        for future in waiting.values():
            if future.done():
                wave.taken()
            else:
                future.set_result(wave)

    def wait(self, watcher: object) -> asyncio.Future[Wave | None]:
        """Return what is done when there is something to look at; the wave wants to be told when that is taken."""
        future: asyncio.Future[Wave | None] = asyncio.get_running_loop().create_future()
        self._waiting[watcher] = future
        return future

    def leave(self, watcher: object) -> None:
        """Forget a watcher that waits no longer."""
        self._waiting.pop(watcher, None)

    def since(self, number: int) -> list[Chunk[P]]:
        """Return the chunks that are kept and newer than the one of that number, oldest first."""
        if number >= self.number:
            return []
        return [chunk for chunk in self._chunks if chunk.number > number]

    def forget_old(self) -> None:
        """Give back the memory of chunks that nobody on time still needs."""
        oldest = asyncio.get_running_loop().time() - _KEPT_SECONDS
        while self._chunks and self._chunks[0].at < oldest:
            self._chunks.popleft()
