"""Open watches: calls of WatchBatch and the server-sent events that they become."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc.aio
from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from fna.reports.v1 import batch_pb2
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest, WatchBatchResponse
from reports_gateway.problems import unavailable
from reports_gateway.schemas.event import event_json

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall

logger = logging.getLogger(__name__)

FIRST_MESSAGE_SECONDS = 1.0
"""Longest wait for the first message before the response starts: a quiet batch may send none for a minute."""

_RECONNECT_MILLISECONDS = 1000

_MISSED_HEARTBEATS = 3
"""A stream that is silent for so many heartbeat intervals is dead, says the contract."""


class Watch:
    """One call of WatchBatch."""

    def __init__(self, call: UnaryStreamCall[WatchBatchRequest, WatchBatchResponse], heartbeat_seconds: float) -> None:
        self._call = call
        self._messages = aiter(call)
        self._silence_seconds = heartbeat_seconds * _MISSED_HEARTBEATS
        self._first = asyncio.ensure_future(self._read())

    async def begins(self) -> bool:
        """Wait a moment for the first message; False when the stream ended well without any.

        Raises AioRpcError when the call failed.
        """
        await asyncio.wait({self._first}, timeout=FIRST_MESSAGE_SECONDS)
        if self._first.cancelled():
            raise unavailable("The gateway is shutting down; watch again in a moment.")
        return not self._first.done() or self._first.result() is not None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield each message as one chunk; end when the call ends, however it does: the client reconnects."""
        yield format_sse_event(retry=_RECONNECT_MILLISECONDS)
        try:
            message = await self._first
            while message is not None:
                yield b"".join(map(_encode, message.events))
                message = await self._read()
        except grpc.aio.AioRpcError as error:
            logger.info("A watch ended with %s: %s", error.code().name, error.details())
        except TimeoutError:
            logger.warning("A watch was silent for %g s and is given up", self._silence_seconds)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not this task but the call was cancelled: the gateway is shutting down.

    def close(self) -> None:
        self._call.cancel()
        self._first.cancel()

    async def _read(self) -> WatchBatchResponse | None:
        async with asyncio.timeout(self._silence_seconds):
            return await anext(self._messages, None)


class Watches:
    """Every open watch, to end them all when the gateway stops."""

    def __init__(self) -> None:
        self._open: set[Watch] = set()
        self._ended = False

    def __len__(self) -> int:
        return len(self._open)

    def open(self, call: UnaryStreamCall[WatchBatchRequest, WatchBatchResponse], heartbeat_seconds: float) -> Watch:
        watch = Watch(call, heartbeat_seconds)
        self._open.add(watch)
        if self._ended:
            watch.close()
        return watch

    def close(self, watch: Watch) -> None:
        self._open.discard(watch)
        watch.close()

    def end(self) -> None:
        """End every stream, those that are opened later at once."""
        self._ended = True
        for watch in self._open:
            watch.close()


class WatchResponse(StreamingResponse):
    """The stream of one watch; ends the call when the client is gone, also before the first chunk."""

    media_type = "text/event-stream"

    def __init__(self, watch: Watch, watches: Watches) -> None:
        # no-store: a cached history would be replayed as news. X-Accel-Buffering: nginx must not gather events.
        super().__init__(watch.chunks(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._watch = watch
        self._watches = watches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watches.close(self._watch)


def _encode(event: batch_pb2.BatchEvent) -> bytes:
    kind = event.WhichOneof("event")
    if kind == "heartbeat":
        return b": heartbeat\n\n"
    data = event_json(event)
    if data is None:
        return b""
    # Progress repeats the newest sequence and is not replayed, so it must not move the resume position.
    return format_sse_event(data_str=data, event=kind, id=None if kind == "progress" else str(event.sequence))
