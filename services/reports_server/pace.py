"""How often a stream with many watchers may send: at once after a quiet time, and no more than the process bears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

SHARE = 0.4
"""Part of the time that the fan-outs of one stream may take in the long run; the rest is for everybody else."""
BURST_SECONDS = 0.2
"""Fan-out time that a quiet stream has saved up."""
LONGEST_WAIT_SECONDS = 0.1
"""How long events are gathered at most when no fan-out runs."""
PATIENCE_SECONDS = 0.05
"""How long a fan-out may stand still before it counts as over: who takes nothing must not hold up the others."""

Clock = Callable[[], float]


class Wave:
    """One fan-out: over when each of the watchers that it woke has taken what there was, or has gone."""

    def __init__(self, watchers: int, clock: Clock) -> None:
        self._left = watchers
        self._clock = clock
        self.started = self.moved = clock()
        self._over = asyncio.Event()
        if not watchers:
            self._over.set()

    def taken(self) -> None:
        """Note that one of the watchers is done."""
        self._left -= 1
        self.moved = self._clock()
        if self._left == 0:
            self._over.set()

    async def end(self) -> None:
        """Wait until it is over, or nobody has taken anything for `PATIENCE_SECONDS`."""
        while not self._over.is_set() and (seconds := self.moved + PATIENCE_SECONDS - self._clock()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._over.wait()


class Pace:
    """Says when the next fan-out may start.

    What happens while one runs is gathered for the next, so a stream under load sends few messages with many events.
    Messages are what costs, not events, and their cost is the time of the fan-out: a stream spends it from an account
    that fills at `SHARE` seconds a second.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._waves: list[Wave] = []
        self._account = BURST_SECONDS
        self._filled_at = clock()

    async def turn(self) -> None:
        """Wait until the next fan-out may start."""
        if self._waves:
            waves, self._waves = self._waves, []
            for wave in waves:
                await wave.end()
            taken = max(wave.moved for wave in waves) - waves[0].started
            # No more than the longest wait makes up for, or a busy time would slow down the quiet one that follows.
            self._account = max(self._account - taken, -LONGEST_WAIT_SECONDS * SHARE)
        now = self._clock()
        self._account = min(BURST_SECONDS, self._account + (now - self._filled_at) * SHARE)
        self._filled_at = now
        if self._account < 0:
            await asyncio.sleep(-self._account / SHARE)

    def wave(self, watchers: int) -> Wave:
        """Start a fan-out to so many watchers."""
        wave = Wave(watchers, self._clock)
        self._waves.append(wave)
        return wave
