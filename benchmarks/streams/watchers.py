"""Many watchers in one process, as cheap as they can be: what is measured is the server."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable, Sequence

import grpc
import grpc.aio

from benchmarks.streams import deliveries
from benchmarks.streams.deliveries import Delivery, OutOfOrder, Taken

_CHANNELS = 20
# Else channels to the same address share a connection.
_OPTIONS = [("grpc.use_local_subchannel_pool", 1)]
# A server cancels calls at random when more than a thousand wait for it to begin with them.
_AT_ONCE = 500
_POLL_SECONDS = 0.01

_Call = grpc.aio.UnaryStreamCall[bytes, bytes]


class Watchers:
    """Streams of one server, spread over a few connections; messages are taken as they are and read once."""

    def __init__(self, address: str, method: str) -> None:
        self._channels = [grpc.aio.insecure_channel(address, _OPTIONS) for _ in range(_CHANNELS)]
        self._streams: list[grpc.aio.UnaryStreamMultiCallable[bytes, bytes]] = [
            channel.unary_stream(method) for channel in self._channels
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._positions: list[int] = []
        self._heard_at: list[int] = []
        self._known: dict[bytes, Delivery] = {}
        self._silences: array[int] = array("q")
        self._faults: list[str] = []
        self._begun = 0

    async def open(self, requests: Sequence[bytes], seconds: float) -> None:
        """Open a stream for each request and wait for their first messages."""
        for start in range(0, len(requests), _AT_ONCE):
            for request in requests[start : start + _AT_ONCE]:
                self._open(request)
            await self._until(lambda: self._begun == len(self._tasks), seconds, "the first message of each stream")

    async def reach(self, sequence: int, seconds: float) -> None:
        """Wait until every watcher has had this event."""
        await self._until(lambda: min(self._positions) >= sequence, seconds, f"event {sequence} at every watcher")

    async def take(self) -> Taken:
        """Return what was received since the last time."""
        now = time.monotonic_ns()
        waiting = array("q", (now - at for at in self._heard_at))
        taken = Taken(list(self._known.values()), self._silences, waiting, self._faults)
        self._known, self._silences, self._faults = {}, array("q"), []
        return taken

    async def close(self) -> None:
        """End all streams."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels:
            await channel.close()

    def _open(self, request: bytes) -> None:
        number = len(self._tasks)
        self._positions.append(-1)
        self._heard_at.append(0)
        call = self._streams[number % _CHANNELS](request)
        self._tasks.append(asyncio.create_task(self._follow(number, call)))

    async def _until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if self._faults or time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not happen: {self._faults[:3] or f'not within {seconds:g} s'}")
            await asyncio.sleep(_POLL_SECONDS)

    async def _follow(self, number: int, call: _Call) -> None:
        try:
            while isinstance(data := await call.read(), bytes):
                self._hear(number, data)
            self._faults.append("a stream ended")
        except (grpc.aio.AioRpcError, OutOfOrder) as error:
            self._faults.append(f"{type(error).__name__}: {error}")

    def _hear(self, number: int, data: bytes) -> None:
        delivery = self._known.get(data) or self._read(data)
        now = time.monotonic_ns()
        position = self._positions[number]
        if isinstance(delivery, Delivery):
            if delivery.first != position + 1:
                self._faults.append(f"event {delivery.first} came after event {position}")
            self._positions[number] = delivery.last
            delivery.arrivals.append(now)
        elif position < 0:
            self._positions[number] = delivery
            self._begun += 1
        else:
            if delivery != position:
                self._faults.append(f"a heartbeat of event {delivery} came after event {position}")
            self._silences.append(now - self._heard_at[number])
        self._heard_at[number] = now

    def _read(self, data: bytes) -> Delivery | int:
        delivery = deliveries.read(data)
        if isinstance(delivery, Delivery):
            self._known[data] = delivery
        return delivery
