"""Waits for a condition in a test, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.02


def eventually(condition: Callable[[], T], seconds: float, what: str) -> T:
    """Ask until the answer is truthy and return it; fails the test after the seconds with what did not happen."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(_POLL_SECONDS)
    return answer


async def eventually_async(condition: Callable[[], Awaitable[T]], seconds: float, what: str) -> T:
    """Do the same with an awaitable condition."""
    deadline = time.monotonic() + seconds
    while not (answer := await condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        await asyncio.sleep(_POLL_SECONDS)
    return answer
