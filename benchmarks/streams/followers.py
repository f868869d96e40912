"""Watchers as users have them: the Python client, which goes on by itself when a server is gone."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from benchmarks.streams.seen import Reading, Seen
from fna.reports import AsyncReportsClient
from fna.reports.errors import ReportsError


class Followers:
    """So many watches of one batch, of its whole history."""

    def __init__(self, address: str) -> None:
        self._client = AsyncReportsClient(address)
        self._seen: list[Seen] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def follow(self, batch_id: str, count: int, seconds: float) -> None:
        """Begin to watch a batch that has events, and wait until each watch has some."""
        begun = [asyncio.Event() for _ in range(count)]
        for event in begun:
            seen = Seen(0)
            self._seen.append(seen)
            self._tasks.append(asyncio.create_task(self._watch(batch_id, seen, event)))
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(event.wait() for event in begun))

    async def finish(self, seconds: float) -> list[Reading]:
        """Wait until every watch has ended, and return what each has seen."""
        await asyncio.wait(self._tasks, timeout=seconds)
        return [seen.reading() for seen in self._seen]

    async def _watch(self, batch_id: str, seen: Seen, begun: asyncio.Event) -> None:
        def note(error: ReportsError) -> None:
            seen.interruptions.append(error.code.name)

        async with aclosing(self._client.watch(batch_id, after_sequence=0, on_interruption=note)) as events:
            async for event in events:
                seen.take([event])
                begun.set()
