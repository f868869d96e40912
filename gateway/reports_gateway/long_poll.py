"""Waiting for the next events of a watch, for clients that cannot stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from fna.reports.v1 import batch_pb2
from reports_gateway.problems import unavailable
from reports_gateway.watches import M, Watch

_NO_NEWS = frozenset({"heartbeat", "progress"})


@dataclass(frozen=True, slots=True)
class Polled(Generic[M]):
    """What a poll came to: the newest message, and whether the watch ended well instead of bringing another one."""

    message: M | None
    ended: bool


async def next_message(
    watch: Watch[M], events: Callable[[M], Sequence[batch_pb2.BatchEvent]], seconds: float
) -> Polled[M]:
    """Wait for a message with news; after `seconds` return the newest one without, which moves the position as well.

    Raises AioRpcError when the call fails, and ProblemError when the gateway shuts down.
    """
    newest: M | None = None
    try:
        async with asyncio.timeout(seconds):
            async for message in watch.messages():
                newest = message
                if any(event.WhichOneof("event") not in _NO_NEWS for event in events(message)):
                    return Polled(newest, ended=False)
    except TimeoutError:
        return Polled(newest, ended=False)
    if watch.closed:
        raise unavailable("The gateway is shutting down; ask again in a moment.")
    return Polled(newest, ended=True)
