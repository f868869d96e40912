"""Loops over all events of a batch that read each sequence: over the stubs alone, and over our clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from statistics import median
from uuid import uuid4

import grpc.aio

from fna.reports import AsyncReportsClient, ReportsClient
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub

_BATCH_ID = str(uuid4())
_REQUEST = WatchBatchRequest(batch_id=_BATCH_ID, after_sequence=0)


def _stub(address: str) -> int:
    with grpc.insecure_channel(address) as channel:
        for message in BatchStatusServiceStub(channel).WatchBatch(_REQUEST):
            for event in message.events:
                last = event.sequence
    return last


def _client(address: str) -> int:
    with ReportsClient(address) as client:
        for event in client.watch(_BATCH_ID, after_sequence=0):
            last = event.sequence
    return last


async def _async_stub(address: str) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        async for message in BatchStatusServiceStub(channel).WatchBatch(_REQUEST):
            for event in message.events:
                last = event.sequence
    return last


async def _async_generator(address: str) -> int:
    async def events() -> AsyncIterator[BatchEvent]:
        async with grpc.aio.insecure_channel(address) as channel:
            async for message in BatchStatusServiceStub(channel).WatchBatch(_REQUEST):
                for event in message.events:
                    yield event

    async for event in events():
        last = event.sequence
    return last


async def _async_client(address: str) -> int:
    async with AsyncReportsClient(address) as client:
        async for event in client.watch(_BATCH_ID, after_sequence=0):
            last = event.sequence
    return last


_LOOPS: Mapping[str, Callable[[str], int]] = {
    "stub": _stub,
    "ReportsClient": _client,
    "stub, asyncio": lambda address: asyncio.run(_async_stub(address)),
    # The least that a method costs which hands out events.
    "stub in a generator, asyncio": lambda address: asyncio.run(_async_generator(address)),
    "AsyncReportsClient": lambda address: asyncio.run(_async_client(address)),
}


def compare(address: str, events: int, rounds: int) -> dict[str, float]:
    """Return the processor time of one event in microseconds over each loop, the median of all rounds.

    The loops run in turn, in this process.
    """
    times: dict[str, list[float]] = {name: [] for name in _LOOPS}
    for number in range(rounds + 1):
        for name, loop in _LOOPS.items():
            began = time.process_time()
            assert loop(address) == events
            # The first round is for warming up.
            if number:
                times[name].append((time.process_time() - began) / events * 1e6)
    return {name: median(taken) for name, taken in times.items()}
