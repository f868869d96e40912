"""Listeners to the server-sent events of one batch, as cheap as they can be: what is measured is the gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

_POLL_SECONDS = 0.01
_OK = b"HTTP/1.1 200 "
_ID = b"id: "


class Listeners:
    """So many connections to one gateway; of an event its sequence is read, and when all of it was there."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._positions: list[int] = []
        self._arrivals: list[tuple[int, int]] = []

    async def open(self, batch_id: str, count: int, seconds: float) -> None:
        """Open so many streams of a batch and wait for the first event of each."""
        host, _, port = self._address.rpartition(":")
        for number in range(count):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"GET /v1/reports/batch/{batch_id}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            self._writers.append(writer)
            self._positions.append(-1)
            self._tasks.append(asyncio.create_task(self._listen(number, reader)))
        await self.reach(0, seconds)

    async def reach(self, sequence: int, seconds: float) -> None:
        """Wait until every listener has had this event."""
        deadline = time.monotonic() + seconds
        while min(self._positions) < sequence:
            ended = [task for task in self._tasks if task.done()]
            if ended or time.monotonic() > deadline:
                raise TimeoutError(f"event {sequence} did not come to every listener; {len(ended)} streams ended")
            await asyncio.sleep(_POLL_SECONDS)

    async def take(self) -> Sequence[tuple[int, int]]:
        """Return each event that came, by its sequence, and when, in nanoseconds."""
        return self._arrivals

    async def close(self) -> None:
        """End all streams."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()

    async def _listen(self, number: int, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(_OK):
            raise RuntimeError(f"the answer was {head!r}")
        sequence = None
        while line := await reader.readline():
            # Lines of the chunked encoding come between; they are none of these.
            if line.startswith(_ID):
                sequence = int(line.removeprefix(_ID))
            elif line == b"\n" and sequence is not None:
                self._arrivals.append((sequence, time.monotonic_ns()))
                self._positions[number] = sequence
                sequence = None
