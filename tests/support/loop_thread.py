"""An event loop in a thread of its own, for tests that are not themselves on one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

_SECONDS = 60.0


class LoopThread:
    """Runs coroutines one after another for a caller that waits for each, and lets their tasks go on in between."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="loop")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.do(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, step: Coroutine[Any, Any, T]) -> T:
        """Do something on the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(_SECONDS)
