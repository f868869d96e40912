"""Running beside the caller: it looks around meanwhile, and leaves when it has to."""

from __future__ import annotations

import asyncio
import threading

import pytest

from reports_worker.model.waiting import wait_for


class Stop(Exception):
    """What a caller raises who does not want to wait."""


async def forever(cancelled: threading.Event) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        cancelled.set()


async def answer() -> int:
    return 42


async def mistake() -> int:
    raise TimeoutError("of its own")


def look() -> None:
    """Look around and go on."""


def stop() -> None:
    raise Stop


def test_a_result_is_returned() -> None:
    assert wait_for(answer(), look) == 42


def test_an_exception_of_the_work_is_raised() -> None:
    with pytest.raises(TimeoutError, match="of its own"):
        wait_for(mistake(), look)


def test_a_caller_that_does_not_want_to_wait_ends_the_work() -> None:
    cancelled = threading.Event()
    with pytest.raises(Stop):
        wait_for(forever(cancelled), stop)
    assert cancelled.wait(20)


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    with pytest.raises(Stop):
        wait_for(forever(threading.Event()), stop)
    assert threading.active_count() == before
