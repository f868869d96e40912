"""A watcher that reads when it is told to, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
import grpc.aio
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from benchmarks.streams.seen import Reading, Seen
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest, WatchBatchResponse
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub

_DETAILS = "grpc-status-details-bin"

_Call = grpc.aio.UnaryStreamCall[WatchBatchRequest, WatchBatchResponse]


class Reader:
    """One stream of a batch, opened again after its last event whenever it is ended."""

    def __init__(self, address: str, batch_id: str, after: int, options: Sequence[tuple[str, int]] = ()) -> None:
        self._stub = BatchStatusServiceStub(grpc.aio.insecure_channel(address, list(options)))
        self._batch_id = batch_id
        self._seen = Seen(after)

    async def open(self) -> None:
        """Open the stream and read nothing."""
        self._call = self._watch()

    async def read(self, last: int, seconds: float) -> Reading:
        """Read until this event or the end of the stream."""
        async with asyncio.timeout(seconds):
            while self._seen.last < last:
                try:
                    response = await self._call.read()
                except grpc.aio.AioRpcError as error:
                    self._seen.interruptions.append(_reason(error))
                    self._call = self._watch()
                    continue
                if not isinstance(response, WatchBatchResponse):
                    break
                self._seen.take(response.events)
        self._call.cancel()
        return self._seen.reading()

    def _watch(self) -> _Call:
        return self._stub.WatchBatch(WatchBatchRequest(batch_id=self._batch_id, after_sequence=self._seen.last))


def _reason(error: grpc.aio.AioRpcError) -> str:
    """Return the reason that the server gave, or else the status alone."""
    info = ErrorInfo()
    for key, value in error.trailing_metadata():
        if key == _DETAILS and isinstance(value, bytes):
            for detail in Status.FromString(value).details:
                detail.Unpack(info)
    return info.reason or error.code().name
