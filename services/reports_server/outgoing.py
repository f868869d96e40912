"""The outgoing side of one watch: it writes, says when nothing is taken any more, and waits for what comes next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from reports_core.domain.errors import WatcherTooSlow
from reports_server.audience import Audience
from reports_server.pace import Wave

WRITE_SECONDS = 60.0
"""How long a watcher may take nothing before its stream is ended."""


class Writes:
    """The writes of all watches that go on right now; looked through from time to time, so that none costs a timer."""

    def __init__(self) -> None:
        self._since: dict[Outgoing, float] = {}

    def begin(self, outgoing: Outgoing, now: float) -> None:
        self._since[outgoing] = now

    def end(self, outgoing: Outgoing) -> None:
        del self._since[outgoing]

    def end_stalled(self, now: float) -> None:
        """End the watches whose write has taken longer than `WRITE_SECONDS`."""
        for outgoing, since in list(self._since.items()):
            if now - since >= WRITE_SECONDS:
                outgoing.give_up()


class Outgoing:
    """One stream to one watcher. `close` it, or its wave and its timer are waited for."""

    def __init__(self, write: Callable[[bytes], Awaitable[None]], writes: Writes, heartbeat_seconds: float) -> None:
        self._write = write
        self._writes = writes
        self._heartbeat_seconds = heartbeat_seconds
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._due = self._loop.time() + heartbeat_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._future: asyncio.Future[Wave | None] | None = None
        self._wave: Wave | None = None
        self._given_up = False

    async def send(self, data: bytes) -> None:
        """Write a message. Raises WatcherTooSlow when it is not taken within `WRITE_SECONDS`."""
        now = self._loop.time()
        self._writes.begin(self, now)
        try:
            await self._write(data)
        except asyncio.CancelledError:
            if self._given_up and self._task:
                self._task.uncancel()
                raise WatcherTooSlow(WRITE_SECONDS) from None
            raise
        finally:
            self._writes.end(self)
        # From its beginning: what took long to be taken was no sign of life in the meantime.
        self._due = now + self._heartbeat_seconds

    async def news(self, audience: Audience[Any]) -> bool:
        """Wait until there is something to look at; False when a heartbeat is due before."""
        self._take_wave()
        self._future = audience.wait(self)
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._look_at_clock)
        try:
            self._wave = await self._future
        finally:
            audience.leave(self)
            self._future = None
        return self._wave is not None

    def give_up(self) -> None:
        """End the write that goes on."""
        if self._task and not self._given_up:
            self._given_up = True
            self._task.cancel()

    def close(self) -> None:
        """Leave: nobody waits for this watcher any more."""
        self._take_wave()
        if self._timer:
            self._timer.cancel()

    def _take_wave(self) -> None:
        if self._wave:
            self._wave.taken()
            self._wave = None

    def _look_at_clock(self) -> None:
        """Wake for the heartbeat. The timer is not moved by each message, but looks whether it still is the time."""
        self._timer = None
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._look_at_clock)
        elif self._future and not self._future.done():
            self._future.set_result(None)
