"""The gRPC server in the process of a test, with a client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc.aio
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from fna.reports.v1 import batch_pb2, report_pb2
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub
from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceStub
from fna.reports.v1.report_service_pb2 import UploadReportRequest
from fna.reports.v1.report_service_pb2_grpc import ReportServiceStub
from reports_server.server import Service, serving
from reports_server.settings import ServerSettings

if TYPE_CHECKING:
    from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceAsyncStub
    from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceAsyncStub
    from fna.reports.v1.report_service_pb2_grpc import ReportServiceAsyncStub

D = TypeVar("D", bound=Message)

COMPANY_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c09"
SECONDS = 20.0
"""Deadline of a call: a server that hangs fails the test with the name of the call."""
MOST_STATUS_BYTES = 6 * 1024
"""What a status may take of the 8 KiB that all trailers share."""


@dataclass(frozen=True, slots=True)
class Client:
    """The stubs of the three services, and the channel for what is not ours."""

    channel: grpc.aio.Channel
    submission: BatchSubmissionServiceAsyncStub
    status: BatchStatusServiceAsyncStub
    reports: ReportServiceAsyncStub

    async def watch(self, batch_id: object, **fields: Any) -> list[batch_pb2.BatchEvent]:
        """Return all events of a watch that ends with OK."""
        return [event async for event in self.events(batch_id, **fields)]

    async def events(self, batch_id: object, **fields: Any) -> AsyncIterator[batch_pb2.BatchEvent]:
        """Yield the events of a watch; what the consumer does not wait for is cancelled."""
        call = self.status.WatchBatch(WatchBatchRequest(batch_id=str(batch_id), **fields), timeout=SECONDS)
        try:
            async for message in call:
                for event in message.events:
                    yield event
        finally:
            call.cancel()

    async def upload(self, content: bytes, **fields: Any) -> report_pb2.Report:
        """Upload a document and return its report."""
        response = await self.reports.UploadReport(upload(content, **fields), timeout=SECONDS)
        return response.report


def header(**fields: Any) -> UploadReportRequest:
    """Return the first message of an upload; `report` may be given, the other fields are the header's."""
    report = fields.pop("report", None) or new_report()
    return UploadReportRequest(header=UploadReportRequest.Header(report=report, **fields))


def new_report(**fields: Any) -> report_pb2.Report:
    values: dict[str, Any] = {"company_id": COMPANY_ID, "report_type": report_pb2.REPORT_TYPE_10_K} | fields
    return report_pb2.Report(**values)


def upload(content: bytes, **fields: Any) -> Iterator[UploadReportRequest]:
    """Yield the messages of an upload, in chunks of at most 1 MiB."""
    yield header(**fields)
    for start in range(0, len(content), 1024 * 1024):
        yield UploadReportRequest(chunk=content[start : start + 1024 * 1024])


@asynccontextmanager
async def running(
    database_url: str, folder: Path, services: Collection[Service] = tuple(Service), **settings: Any
) -> AsyncIterator[Client]:
    """Serve on a free port and give a client; left means that the client and then the server have stopped."""
    chosen = server_settings(database_url, folder, **settings)
    async with serving(chosen, services) as address, connect(address) as client:
        yield client


def server_settings(database_url: str, folder: Path, **settings: Any) -> ServerSettings:
    """Return settings of a server whose documents go into the folder, and that no sweep interferes with."""
    values: dict[str, Any] = {
        "DATABASE_URL": database_url,
        "grpc_address": "127.0.0.1:0",
        "documents_url": folder / "documents",
        "sweep_seconds": 3600,
        "pool_size": 4,
    }
    return ServerSettings(**values | settings)


@asynccontextmanager
async def connect(address: str) -> AsyncIterator[Client]:
    # Channels to one address would share a connection, and a test would meet what the one before it left.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(address, options) as channel:
        yield Client(
            channel, BatchSubmissionServiceStub(channel), BatchStatusServiceStub(channel), ReportServiceStub(channel)
        )


class Refusal:
    """A call that was refused: its code and the details of its status."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.message = error.details() or ""
        trailers = dict(error.trailing_metadata() or ())
        serialized = trailers.get("grpc-status-details-bin", b"")
        assert isinstance(serialized, bytes)
        assert 0 < len(serialized) < MOST_STATUS_BYTES
        self.status = Status.FromString(serialized)
        assert (self.status.code, self.status.message) == (self.code.value[0], self.message)
        (self.info,) = self.details(ErrorInfo)
        assert self.info.domain == "reports.fna"

    def details(self, kind: type[D]) -> list[D]:
        found = []
        for detail in self.status.details:
            message = kind()
            if detail.Unpack(message):
                found.append(message)
        return found

    @property
    def reason(self) -> str:
        return self.info.reason

    @property
    def fields(self) -> list[str]:
        """The paths of the fields that break a rule."""
        return [violation.field for bad in self.details(BadRequest) for violation in bad.field_violations]


async def refusal(call: Awaitable[object]) -> Refusal:
    """Return how a call was refused; fails the test when it was not."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return Refusal(refused.value)
