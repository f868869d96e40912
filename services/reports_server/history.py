"""The past of batches, read once for all watchers that stand at the same place."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from uuid import UUID

from reports_core.storage import events
from reports_core.storage.transactions import Database
from reports_server.pieces import Piece

PAGE_EVENTS = 250
"""Events of one page; a page from 1 to 250, the next one from 251 on, ..."""
KEPT_BYTES = 32 * 1024 * 1024

_Key = tuple[UUID, int]


class History:
    """Reads events by pages and keeps those that are full, which never change, as far as `kept_bytes` goes."""

    def __init__(self, database: Database, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._database = database
        self._room = kept_bytes
        self._kept: OrderedDict[_Key, list[Piece]] = OrderedDict()
        self._reading: dict[_Key, asyncio.Task[list[Piece]]] = {}

    async def after(self, batch_id: UUID, sequence: int) -> list[Piece]:
        """Return events that follow `sequence`, oldest first, at most a page; none only when none is stored."""
        key = (batch_id, sequence // PAGE_EVENTS)
        page = self._kept.get(key)
        if page is None:
            page = await self._read(key)
        else:
            self._kept.move_to_end(key)
        found = [piece for piece in page if piece.sequence > sequence]
        # The page may have been read for somebody else, a moment before there was more.
        return found or await self.newest(batch_id, sequence, limit=PAGE_EVENTS)

    async def newest(self, batch_id: UUID, sequence: int, *, limit: int) -> list[Piece]:
        """Return at most `limit` events that follow `sequence`, as they are stored at this moment."""
        found = await self._database.run(events.read, batch_id, after=sequence, limit=limit)
        return [Piece.of(batch_id, event) for event in found]

    def clear(self) -> None:
        """Forget everything."""
        self._room += sum(map(_size, self._kept.values()))
        self._kept.clear()

    async def _read(self, key: _Key) -> list[Piece]:
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._load(key))
            task.add_done_callback(lambda _: self._reading.pop(key))
        # Whoever leaves does not take the page from the others that wait for it.
        return await asyncio.shield(task)

    async def _load(self, key: _Key) -> list[Piece]:
        batch_id, number = key
        page = await self.newest(batch_id, number * PAGE_EVENTS, limit=PAGE_EVENTS)
        page = [piece for piece in page if piece.sequence <= (number + 1) * PAGE_EVENTS]
        if len(page) == PAGE_EVENTS:
            self._keep(key, page)
        return page

    def _keep(self, key: _Key, page: list[Piece]) -> None:
        self._kept[key] = page
        self._room -= _size(page)
        while self._room < 0:
            self._room += _size(self._kept.popitem(last=False)[1])


def _size(page: list[Piece]) -> int:
    return sum(len(piece.data) for piece in page)
