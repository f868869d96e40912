"""Repeating a request whose failure may pass, as long as there is time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from reports_worker.model.errors import MayPass, OutOfTime

T = TypeVar("T")

_FIRST_SECONDS = 0.5
_MOST_SECONDS = 8.0

Sleep = Callable[[float], Awaitable[object]]


class Retrying:
    """Repeats a request a number of times, each of which may take so many seconds.

    The endpoint decides about the wait where it names one, otherwise it doubles from half a second to eight, less a
    random part, so that workers that failed together do not come again together.
    """

    def __init__(
        self,
        retries: int,
        timeout_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._retries = retries
        self._timeout = timeout_seconds
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    async def run(self, request: Callable[[float], Awaitable[T]], deadline: float) -> T:
        """Return what `request(seconds)` returns, at the latest at `deadline` on the clock.

        Raises what the last repetition raised, at once when its wait would last until the deadline, and OutOfTime when
        there was no time for the first one.
        """
        for repetition in count():
            seconds = min(self._timeout, deadline - self._clock())
            if seconds <= 0:
                raise OutOfTime(
                    "The time for the model was over. Use a faster model, or raise FNA_REPORTS_MODEL_DEADLINE_SECONDS."
                )
            try:
                return await request(seconds)
            except MayPass as error:
                wait = self._wait(repetition, error.retry_after)
                if repetition >= self._retries or self._clock() + wait >= deadline:
                    raise
            await self._sleep(wait)
        raise AssertionError("the count has no end")

    def _wait(self, repetition: int, retry_after: float | None) -> float:
        if retry_after is not None:
            return retry_after
        doubled: float = _FIRST_SECONDS * 2**repetition
        return min(_MOST_SECONDS, doubled) * (1 - self._jitter() / 2)
