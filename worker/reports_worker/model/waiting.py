"""Running a coroutine beside the caller, who looks around while it runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent import futures
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.25
_LEAVE_SECONDS = 1.0
"""How long the caller waits for connections to be closed; one that hangs in the resolver is left to itself."""


def wait_for(work: Coroutine[Any, Any, T], on_wait: Callable[[], None]) -> T:
    """Return the result of `work`, and call `on_wait` again and again until it is there.

    What `on_wait` raises, or a signal, ends the work at once and passes. The work runs in a thread of its own: there no
    signal strikes, and the event loop keeps none of its exceptions.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_turn, args=(loop,), name="model", daemon=True)
    thread.start()
    try:
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            while not futures.wait([future], _LOOK_SECONDS).done:
                on_wait()
            return future.result()
        finally:
            future.cancel()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_LEAVE_SECONDS)


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(_end_what_is_left())
    finally:
        # Unlike `asyncio.run`, which waits for the threads of the resolver.
        loop.close()


async def _end_what_is_left() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
