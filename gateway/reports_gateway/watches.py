"""Open watches: calls that stream the events of batches, until they end or the gateway does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from google.protobuf.message import Message

from reports_gateway.problems import unavailable

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall

M = TypeVar("M", bound=Message)

FIRST_MESSAGE_SECONDS = 1.0
"""Longest wait for the first message before the response starts: a quiet batch may send none for a minute."""

_MISSED_HEARTBEATS = 3
"""A stream that is silent for so many heartbeat intervals is dead, says the contract."""


class Watch(Generic[M]):
    """One call of WatchBatch or WatchBatches."""

    def __init__(self, call: UnaryStreamCall[Any, M], heartbeat_seconds: float) -> None:
        self._call = call
        self._messages = aiter(call)
        self._silence_seconds = heartbeat_seconds * _MISSED_HEARTBEATS
        self._first = asyncio.ensure_future(self._read())
        self.closed = False

    async def begins(self) -> bool:
        """Wait a moment for the first message; False when the stream ended well without any.

        Raises AioRpcError when the call failed.
        """
        await asyncio.wait({self._first}, timeout=FIRST_MESSAGE_SECONDS)
        if self._first.cancelled():
            raise unavailable("The gateway is shutting down; watch again in a moment.")
        return not self._first.done() or self._first.result() is not None

    async def messages(self) -> AsyncIterator[M]:
        """Yield the messages until the call ends well, or the gateway shuts down.

        Raises AioRpcError when the call fails, and TimeoutError when it was silent for three heartbeats.
        """
        try:
            message = await self._first
            while message is not None:
                yield message
                message = await self._read()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not this task but the call was cancelled: the gateway is shutting down.

    def close(self) -> None:
        self.closed = True
        self._call.cancel()
        self._first.cancel()

    async def _read(self) -> M | None:
        async with asyncio.timeout(self._silence_seconds):
            return await anext(self._messages, None)


class Watches:
    """Every open watch, to end them all when the gateway stops."""

    def __init__(self) -> None:
        self._open: set[Watch[Any]] = set()
        self._ended = False

    def __len__(self) -> int:
        return len(self._open)

    def open(self, call: UnaryStreamCall[Any, M], heartbeat_seconds: float) -> Watch[M]:
        watch = Watch(call, heartbeat_seconds)
        self._open.add(watch)
        if self._ended:
            watch.close()
        return watch

    def close(self, watch: Watch[Any]) -> None:
        self._open.discard(watch)
        watch.close()

    def end(self) -> None:
        """End every stream, those that are opened later at once."""
        self._ended = True
        for watch in self._open:
            watch.close()
