"""Loops over all events of a batch that read each sequence: over the stubs alone, and over our clients."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median
from uuid import uuid4

import grpc.aio

from fna.reports import AsyncReportsClient, ReportsClient
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub

_BATCH_ID, _TASK_ID = str(uuid4()), str(uuid4())
_REQUEST = WatchBatchRequest(batch_id=_BATCH_ID, task_id=_TASK_ID, after_sequence=0)


def compare(address: str, events: int, rounds: int) -> dict[str, float]:
    """Return the processor time of one event in microseconds over each loop, the median of all rounds.

    The loops run in turn, in this process, each on a connection of its own that is kept.
    """
    return asyncio.run(_compare(address, events, rounds))


async def _compare(address: str, events: int, rounds: int) -> dict[str, float]:
    async with grpc.aio.insecure_channel(address) as async_channel, AsyncReportsClient(address) as async_client:
        with grpc.insecure_channel(address) as channel, ReportsClient(address) as client:
            loops: dict[str, Callable[[], int | Awaitable[int]]] = {
                "stub": lambda: _stub(channel),
                "ReportsClient": lambda: _client(client),
                "stub, asyncio": lambda: _async_stub(async_channel),
                # The least that a method costs which hands out events.
                "stub in a generator, asyncio": lambda: _async_generator(async_channel),
                "AsyncReportsClient": lambda: _async_client(async_client),
            }
            times: dict[str, list[float]] = {name: [] for name in loops}
            for number in range(rounds + 1):
                for name, loop in loops.items():
                    began = time.process_time()
                    last = loop()
                    assert (await last if inspect.isawaitable(last) else last) == events
                    # The first round connects and warms up.
                    if number:
                        times[name].append((time.process_time() - began) / events * 1e6)
    return {name: median(taken) for name, taken in times.items()}


def _stub(channel: grpc.Channel) -> int:
    for message in BatchStatusServiceStub(channel).WatchBatch(_REQUEST):
        for event in message.events:
            last = event.sequence
    return last


def _client(client: ReportsClient) -> int:
    for event in client.watch(_BATCH_ID, _TASK_ID, after_sequence=0):
        last = event.sequence
    return last


async def _async_stub(channel: grpc.aio.Channel) -> int:
    async for message in BatchStatusServiceStub(channel).WatchBatch(_REQUEST):
        for event in message.events:
            last = event.sequence
    return last


async def _async_generator(channel: grpc.aio.Channel) -> int:
    async def events() -> AsyncIterator[BatchEvent]:
        async for message in BatchStatusServiceStub(channel).WatchBatch(_REQUEST):
            for event in message.events:
                yield event

    async for event in events():
        last = event.sequence
    return last


async def _async_client(client: AsyncReportsClient) -> int:
    async for event in client.watch(_BATCH_ID, _TASK_ID, after_sequence=0):
        last = event.sequence
    return last
