"""Watches as streams of server-sent events."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc.aio
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

from fna.reports.v1 import batch_pb2
from fna.reports.v1.batch_status_service_pb2 import WatchBatchesResponse, WatchBatchResponse
from reports_gateway.methods import StreamedResponse
from reports_gateway.schemas.event import event_of
from reports_gateway.watches import M, Watch, Watches

logger = logging.getLogger(__name__)

_RECONNECT_MILLISECONDS = 1000


class WatchResponse(StreamedResponse):
    """The stream of one watch; ends the call when the client is gone, also before the first chunk."""

    media_type = "text/event-stream"

    def __init__(self, watch: Watch[M], encode: Callable[[M], bytes], watches: Watches) -> None:
        # no-store: a cached history would be replayed as news. X-Accel-Buffering: nginx must not gather events.
        super().__init__(_chunks(watch, encode), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._watch: Watch[Any] = watch
        self._watches = watches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watches.close(self._watch)


async def _chunks(watch: Watch[M], encode: Callable[[M], bytes]) -> AsyncIterator[bytes]:
    """Yield each message as one chunk; end when the call ends, however it does: the client reconnects."""
    yield format_sse_event(retry=_RECONNECT_MILLISECONDS)
    try:
        async for message in watch.messages():
            yield encode(message)
    except grpc.aio.AioRpcError as error:
        logger.info("A watch ended with %s: %s", error.code().name, error.details())
    except TimeoutError:
        logger.warning("A watch was silent for three heartbeats and is given up")


def of_batch(message: WatchBatchResponse) -> bytes:
    """Return the events of one batch; the `id` of each is its sequence."""
    return b"".join(map(_numbered, message.events))


def of_batches(message: WatchBatchesResponse) -> bytes:
    """Return the events of many batches; the `id` of the last one is the token that continues after all of them.

    A client that is cut off in the midst of a message sees its events again.
    """
    blocks = [_block(event, None) for event in message.events[:-1]]
    return b"".join([*blocks, *(_block(event, message.resume_token) for event in message.events[-1:])])


def _numbered(event: batch_pb2.BatchEvent) -> bytes:
    kind = event.WhichOneof("event")
    # Progress repeats the newest sequence and is not replayed, so it must not move the resume position. A kind unknown
    # here has an id, since clients count: without it they would miss an event, and ask for it in vain.
    return _block(event, None if kind in {"progress", "heartbeat"} else str(event.sequence))


def _block(event: batch_pb2.BatchEvent, identifier: str | None) -> bytes:
    kind = event.WhichOneof("event")
    if kind == "heartbeat":
        # A block without data is no event, and its id counts all the same.
        return format_sse_event(comment="heartbeat", id=identifier)
    found = event_of(event)
    if found is None:
        return b"" if identifier is None else format_sse_event(id=identifier)
    return format_sse_event(data_str=found.model_dump_json(exclude_unset=True), event=kind, id=identifier)
