"""Ends a stream of asyncio that has been silent for too long."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from grpc import aio

from fna.reports._tasks import is_cancelled

_Message = TypeVar("_Message")


class AsyncWatchdog(Generic[_Message]):
    """Cancels `call` when it brings nothing for `limit_seconds`, as `Watchdog` does with a blocking one.

    One timer for the whole stream: a timeout around every read would be made and taken back for every message.
    """

    def __init__(self, call: aio.UnaryStreamCall[Any, _Message], limit_seconds: float) -> None:
        self._call = call
        self._limit = limit_seconds
        self._waiting_since: float | None = None
        self._barked = False
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(self._limit, self._look)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()

    async def read(self) -> _Message | None:
        """Return the next message, None at the end of the call.

        Raises: what the call raises; `TimeoutError` when nothing came in time.
        """
        self._waiting_since = self._loop.time()
        try:
            message = await self._call.read()
        except asyncio.CancelledError:
            if self._barked and not is_cancelled():
                raise TimeoutError from None
            raise
        self._waiting_since = None
        # It is a message or `EOF`, which the stubs can only call an object.
        return None if message is aio.EOF else cast("_Message", message)

    def _look(self) -> None:
        now = self._loop.time()
        silent = 0.0 if self._waiting_since is None else now - self._waiting_since
        if silent >= self._limit:
            self._barked = True
            self._call.cancel()
        else:
            self._timer = self._loop.call_at(now + self._limit - silent, self._look)
