"""Services that answer as a test says, and a gateway in front of them."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import httpx
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from fna.reports.v1 import batch_pb2, report_pb2, report_service_pb2
from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from reports_gateway.app import create_app
from reports_gateway.server import GatewayServer, listen, url
from reports_gateway.settings import GatewaySettings
from reports_gateway.upstream import connect
from reports_gateway.watches import Watches

SERVICES = [
    service
    for module in (submission_pb2, status_pb2, report_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]

BATCH_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c01"
TASK_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c02"
REPORT_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c03"
ANALYSIS_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c04"
COMPANY_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c05"

WatchMessage = status_pb2.WatchBatchResponse | status_pb2.WatchBatchesResponse
Context = grpc.aio.ServicerContext[Message, Message]


def refusal(code: grpc.StatusCode, reason: str, *details: Message, text: str = "no", **metadata: str) -> Status:
    """Return a status as the services write it: one ErrorInfo, and what else is given."""
    info = ErrorInfo(reason=reason, domain="reports.fna", metadata=metadata)
    packed = [AnyMessage() for _ in range(1 + len(details))]
    for target, detail in zip(packed, (info, *details), strict=True):
        target.Pack(detail)
    return Status(code=code.value[0], message=text, details=packed)


@dataclass
class Upload:
    """What came in one UploadReport stream."""

    header: report_service_pb2.UploadReportRequest.Header
    chunk_sizes: list[int]
    sha256: str


@dataclass
class Peer:
    """The three services: every method gives `answers[name]`, or ends with it when it is a Status.

    A list of answers is given one by one.
    """

    answers: dict[str, Message | list[Message]] = field(default_factory=dict)
    requests: list[Message] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    stream: asyncio.Queue[WatchMessage | Status | None] = field(default_factory=asyncio.Queue)
    """What a watch sends; a Status ends it with that error, None ends it well."""
    watching: asyncio.Event = field(default_factory=asyncio.Event)
    watch_cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    received_bytes: int = 0
    """What came of uploads, finished or not."""
    received: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever a piece of an upload comes."""
    upload_cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    holding: bool = False
    """Whether unary methods take for ever instead of answering."""
    called: asyncio.Event = field(default_factory=asyncio.Event)
    call_cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    seconds: list[float | None] = field(default_factory=list)
    """How much time each unary call had left when it came."""

    @property
    def submissions(self) -> list[submission_pb2.SubmitBatchRequest]:
        return [request for request in self.requests if isinstance(request, submission_pb2.SubmitBatchRequest)]

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return the handlers of every method that the contract declares."""
        return [
            grpc.method_handlers_generic_handler(
                service.full_name, {method.name: self._handler(method) for method in service.methods}
            )
            for service in SERVICES
        ]

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler[Any, Any]:
        async def answer(request: Message, context: Context) -> Message:
            return await self._answer(method.name, request, context)

        read = GetMessageClass(method.input_type).FromString
        write = GetMessageClass(method.output_type).SerializeToString
        if method.client_streaming:
            return grpc.stream_unary_rpc_method_handler(self._upload, read, write)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._watch, read, write)
        return grpc.unary_unary_rpc_method_handler(answer, read, write)

    async def _answer(self, method: str, request: Message, context: Context) -> Message:
        self.requests.append(request)
        self.seconds.append(context.time_remaining())
        self.called.set()
        if self.holding:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.call_cancelled.set()
                raise
        given = self.answers[method]
        answer = given.pop(0) if isinstance(given, list) else given
        if isinstance(answer, Status):
            await _abort(context, answer)
        return answer

    async def _upload(
        self, messages: AsyncIterator[report_service_pb2.UploadReportRequest], context: Context
    ) -> Message:
        first = await anext(messages)
        digest, sizes, complete = hashlib.sha256(), list[int](), False
        try:
            async for message in messages:
                if message.HasField("footer"):
                    complete = message.footer.content_size_bytes == sum(sizes)
                    break
                digest.update(message.chunk)
                sizes.append(len(message.chunk))
                self.received_bytes += len(message.chunk)
                self.received.set()
        finally:
            # A call that is cancelled may end like one that is complete; the cancellation itself comes later.
            if not complete:
                self.upload_cancelled.set()
        if not complete:
            await _abort(context, Status(code=grpc.StatusCode.DATA_LOSS.value[0], message="no footer"))
        self.uploads.append(Upload(first.header, sizes, digest.hexdigest()))
        return await self._answer("UploadReport", first, context)

    async def _watch(self, request: Message, context: Context) -> AsyncIterator[WatchMessage]:
        self.requests.append(request)
        self.watching.set()
        try:
            while (step := await self.stream.get()) is not None:
                if isinstance(step, Status):
                    await _abort(context, step)
                else:
                    yield step
        except asyncio.CancelledError:
            self.watch_cancelled.set()
            raise


async def _abort(context: Context, status: Status) -> None:
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    trailers = (("grpc-status-details-bin", status.SerializeToString()),) if status.details else ()
    await context.abort(code, status.message, trailers)


@asynccontextmanager
async def serve(peer: Peer, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve the peer; yield the address."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(peer.handlers())
    health = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    for service in SERVICES:
        await health.set(service.full_name, health_pb2.HealthCheckResponse.SERVING)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def in_process(target: str, cors_origins: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a gateway that is called without a socket."""
    async with connect(GatewaySettings(server=target)) as services:
        app = create_app(services, Watches(), cors_origins.split())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield client


@dataclass
class Gateway:
    """A gateway that serves HTTP, and a client of it."""

    client: httpx.AsyncClient
    server: GatewayServer
    watches: Watches
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, listening: socket.socket) -> None:
        await self.server.serve([listening])
        self.stopped.set()


@asynccontextmanager
async def running(target: str, *, patience_seconds: float = 0.5, unread_seconds: float = 60) -> AsyncIterator[Gateway]:
    """Yield a gateway that serves HTTP; at the end it stops gracefully."""
    watches = Watches()
    with listen("127.0.0.1:0", unread_seconds=unread_seconds) as listening:
        async with (
            connect(GatewaySettings(server=target)) as services,
            httpx.AsyncClient(base_url=url(listening), timeout=10) as client,
            asyncio.TaskGroup() as tasks,
        ):
            server = GatewayServer(create_app(services, watches), watches, patience_seconds=patience_seconds)
            gateway = Gateway(client, server, watches)
            tasks.create_task(gateway.serve(listening))
            yield gateway
            server.should_exit = True


def batch(**fields: object) -> batch_pb2.Batch:
    """Return a batch of two reports that was submitted a moment ago."""
    found = batch_pb2.Batch(
        batch_id=BATCH_ID,
        task_id=TASK_ID,
        status=batch_pb2.BATCH_STATUS_PROCESSING,
        total_reports=2,
        priority=4,
        execution_count=1,
        last_sequence=1,
        etag="W1",
    )
    found.created_at.FromJsonString("2026-11-23T05:26:00.123456Z")
    found.MergeFrom(batch_pb2.Batch(**fields))  # type: ignore[arg-type]  # the fields are the caller's
    return found


def report(**fields: object) -> report_pb2.Report:
    """Return a report that was not analysed yet."""
    found = report_pb2.Report(
        report_id=REPORT_ID,
        company_id=COMPANY_ID,
        report_type=report_pb2.REPORT_TYPE_10_K,
        content_size_bytes=5_000_000_000,
        status=report_pb2.REPORT_STATUS_PENDING,
    )
    found.MergeFrom(report_pb2.Report(**fields))  # type: ignore[arg-type]  # the fields are the caller's
    return found


def submitted(**fields: object) -> submission_pb2.SubmitBatchResponse:
    return submission_pb2.SubmitBatchResponse(batch=batch(**fields))
