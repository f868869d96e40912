"""Who is measured: our server, with writers that change a batch, and the bare one that streams from memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import grpc

from benchmarks.streams import bare
from benchmarks.streams.child import Child
from benchmarks.streams.servers import Server
from benchmarks.streams.watchers import Watchers
from benchmarks.streams.writers import Writers
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest
from reports_core.storage.records import Batch

WATCH_BATCH = "/fna.reports.v1.BatchStatusService/WatchBatch"

# That of the contract, when the request sets none.
_HEARTBEAT_SECONDS = 15
_OPEN_SECONDS = 120.0
_PUBLISH_SECONDS = 300.0


class Subject(Protocol):
    """A server with one batch that has watchers."""

    server: Server
    method: str

    def prepare(self, events: int) -> None:
        """Be ready to publish so many events; before the watchers come."""

    def request(self) -> WatchBatchRequest:
        """Return what a watcher asks for."""

    def publish(self, offsets: Sequence[float]) -> dict[int, int]:
        """Have an event at each of these times; return when each was committed, in nanoseconds, by sequence."""


class Ours:
    """Our server, and writers that finish the items of a batch, a new one for each preparation."""

    method = WATCH_BATCH

    def __init__(self, server: Server, writers: Writers) -> None:
        self.server = server
        self._writers = writers
        self._batch: Batch | None = None

    def prepare(self, events: int) -> None:
        # One item stays open, so that the batch does.
        self._batch = self._writers.submit(events + 1)
        self._writers.claim(self._batch, range(events))

    def request(self) -> WatchBatchRequest:
        return WatchBatchRequest(batch_id=str(self._prepared.batch_id))

    def publish(self, offsets: Sequence[float]) -> dict[int, int]:
        return self._writers.finish(self._prepared, offsets)

    @property
    def _prepared(self) -> Batch:
        if self._batch is None:
            raise LookupError("there is no batch before `prepare`")
        return self._batch


class Bare:
    """The bare server, which publishes by itself; without heartbeats it does less than anybody may."""

    method = bare.WATCH

    def __init__(self, server: Server, *, heartbeats: bool) -> None:
        self.server = server
        self._request = WatchBatchRequest()
        if heartbeats:
            self._request.heartbeat_interval.seconds = _HEARTBEAT_SECONDS
        self._sequence = 0

    def prepare(self, events: int) -> None:
        """Do nothing: events are made when they are asked for."""

    def request(self) -> WatchBatchRequest:
        return self._request

    def publish(self, offsets: Sequence[float]) -> dict[int, int]:
        with grpc.insecure_channel(self.server.address) as channel:
            publish: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(bare.PUBLISH)
            times: list[int] = json.loads(publish(json.dumps(list(offsets)).encode(), timeout=_PUBLISH_SECONDS))
        first = self._sequence + 1
        self._sequence += len(times)
        return dict(enumerate(times, first))


@contextmanager
def watching(server: Server, method: str, requests: Sequence[WatchBatchRequest]) -> Iterator[Child[Watchers]]:
    """Yield the process with these watchers, each of which has had its first message."""
    with Child(Watchers, server.address, method) as watchers:
        watchers.ask(Watchers.open, [request.SerializeToString() for request in requests], _OPEN_SECONDS)
        yield watchers
        watchers.ask(Watchers.close)
