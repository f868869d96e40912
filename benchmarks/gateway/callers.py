"""Callers that get one batch again and again, over HTTP or gRPC, as cheaply as they can: the servers are measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import grpc.aio

from fna.reports.v1.batch_status_service_pb2 import GetBatchRequest

_CALL_SECONDS = 60.0
_GET_BATCH = "/fna.reports.v1.BatchStatusService/GetBatch"
_OK = b"HTTP/1.1 200 "
_LENGTH = b"content-length: "

Call = Callable[[], Awaitable[object]]
Connect = Callable[[str, str, int], AbstractAsyncContextManager[Sequence[Call]]]
"""Takes an address, a batch and a number of callers; yields what each of them calls."""


class Callers:
    """So many callers of one server at a time, each of which calls again as soon as it is answered."""

    def __init__(self, connect: Connect, address: str, batch_id: str) -> None:
        self._connect = connect
        self._address = address
        self._batch_id = batch_id

    async def call(self, callers: int, seconds: float) -> list[float]:
        """Have so many callers call for so long; return the milliseconds of each call."""
        async with self._connect(self._address, self._batch_id, callers) as calls:
            deadline = time.monotonic() + seconds
            each = await asyncio.gather(*(_call_until(deadline, call) for call in calls))
        return [took for times in each for took in times]


@asynccontextmanager
async def grpc_calls(address: str, batch_id: str, callers: int) -> AsyncIterator[Sequence[Call]]:
    """Yield calls that share one connection; answers are left as bytes."""
    request = GetBatchRequest(batch_id=batch_id).SerializeToString()
    async with grpc.aio.insecure_channel(address) as channel:
        get: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_GET_BATCH)
        yield [lambda: get(request, timeout=_CALL_SECONDS)] * callers


@asynccontextmanager
async def http_calls(address: str, batch_id: str, callers: int) -> AsyncIterator[Sequence[Call]]:
    """Yield calls with a connection each; of an answer only its status and length are read."""
    request = f"GET /v1/reports/batch/{batch_id} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
    host, _, port = address.rpartition(":")
    streams = [await asyncio.open_connection(host, int(port)) for _ in range(callers)]
    try:
        yield [_get(request, reader, writer) for reader, writer in streams]
    finally:
        for _, writer in streams:
            writer.close()


def _get(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call:
    async def get() -> None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(_OK):
            raise RuntimeError(f"the answer was {head!r}")
        await reader.readexactly(int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]))

    return get


async def _call_until(deadline: float, call: Call) -> list[float]:
    times = []
    while (began := time.monotonic()) < deadline:
        await call()
        times.append((time.monotonic() - began) * 1000)
    return times
