"""Repeating a request whose failure may pass, within the time of the report, and never deaf to a cancellation."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from reports_worker.model.errors import MayPass, OutOfTime

T = TypeVar("T")

OnWait = Callable[[], None]
"""Called ten times a second while the model is waited for; what it raises ends the wait."""

_BEAT_SECONDS = 0.1
_FIRST_SECONDS = 1.0
_MOST_SECONDS = 20.0


class Clock:
    """The time that passes between tries."""

    def now(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Patience:
    """The time that the model may take for one report, and how often a request is repeated."""

    def __init__(self, seconds: float, retries: int, on_wait: OnWait, clock: Clock) -> None:
        self._deadline = clock.now() + seconds
        self._seconds = seconds
        self._retries = retries
        self._on_wait = on_wait
        self._clock = clock

    def insist(self, request: Callable[[float], T], request_seconds: float) -> T:
        """Return what `request` returns, which is given the seconds that it may take.

        It runs in a thread, so that a cancellation is heard meanwhile; the thread then ends by itself. Raises what the
        request raises, MayPass only when it was repeated in vain, and OutOfTime.
        """
        failures = 0
        while True:
            seconds = min(request_seconds, self._left())
            try:
                return self._heard(request, seconds)
            except MayPass as error:
                failures += 1
                wait = _wait(failures, error.retry_after)
                if failures > self._retries or wait >= self._left():
                    raise
            self._rest(wait)

    def _left(self) -> float:
        left = self._deadline - self._clock.now()
        if left <= 0:
            raise OutOfTime(
                f"its time of {self._seconds:g} s for a report is over; raise FNA_REPORTS_MODEL_DEADLINE_SECONDS"
            )
        return left

    def _heard(self, request: Callable[[float], T], seconds: float) -> T:
        executor = ThreadPoolExecutor(1, "model")
        try:
            running = executor.submit(request, seconds)
            while True:
                self._on_wait()
                try:
                    return running.result(_BEAT_SECONDS)
                except TimeoutError:
                    if running.done():
                        raise
        finally:
            executor.shutdown(wait=False)

    def _rest(self, seconds: float) -> None:
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > 0:
            self._on_wait()
            self._clock.sleep(min(left, _BEAT_SECONDS))


def _wait(failures: int, asked: float | None) -> float:
    """Return the seconds before the next try: what the endpoint asks for, else more each time, by chance."""
    if asked is not None:
        return asked
    return min(_FIRST_SECONDS * 2.0 ** (failures - 1), _MOST_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
