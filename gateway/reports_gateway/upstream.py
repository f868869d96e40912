"""The gRPC services behind the gateway, one channel for each distinct target."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, TypeVar

import grpc.aio
from fastapi import Depends, Request
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from fna.reports.v1 import report_service_pb2
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub
from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceStub
from fna.reports.v1.report_service_pb2_grpc import ReportServiceStub
from reports_gateway.problems import invalid_field
from reports_gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from google.protobuf.descriptor import FileDescriptor
    from grpc.aio import UnaryUnaryMultiCallable

    from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceAsyncStub
    from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceAsyncStub
    from fna.reports.v1.report_service_pb2_grpc import ReportServiceAsyncStub

T = TypeVar("T")
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

DEADLINE_SECONDS = 30.0
"""Longest time of a unary call."""

TIMEOUT_PARAMETER = {
    "name": "Request-Timeout",
    "in": "header",
    "required": False,
    "description": f"Seconds that the caller waits at most, 1 to {DEADLINE_SECONDS:g}; then the call is given up: 504.",
    "schema": {"type": "number", "minimum": 1},
}
"""The header as OpenAPI describes it."""

_PATIENCE_SECONDS = 0.1
"""How long a call lasts before its client is watched; hardly any lasts so long, and none is worth more effort."""

_OPTIONS = [
    # A page of 1,000 items that all failed is larger than gRPC's default of 4 MiB.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    # The default doubles up to two minutes, much longer than a server takes to restart.
    ("grpc.initial_reconnect_backoff_ms", 200),
    # In fact the time that one attempt to connect may take: less fails where the network or the server is slow.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


@dataclass(frozen=True, slots=True)
class Services:
    """The stubs, and the channel of each service by its full name."""

    submission: BatchSubmissionServiceAsyncStub
    status: BatchStatusServiceAsyncStub
    reports: ReportServiceAsyncStub
    channels: Mapping[str, grpc.aio.Channel]


@asynccontextmanager
async def connect(settings: GatewaySettings) -> AsyncIterator[Services]:
    """Open the channels; they connect on first use, so the gateway starts before its services do."""
    targets = {
        _name(submission_pb2, "BatchSubmissionService"): settings.submission_server or settings.server,
        _name(status_pb2, "BatchStatusService"): settings.status_server or settings.server,
        _name(report_service_pb2, "ReportService"): settings.report_server or settings.server,
    }
    async with AsyncExitStack() as stack:
        opened = {target: grpc.aio.insecure_channel(target, _OPTIONS) for target in set(targets.values())}
        for channel in opened.values():
            await stack.enter_async_context(channel)
        submission, status, reports = (opened[target] for target in targets.values())
        yield Services(
            submission=BatchSubmissionServiceStub(submission),
            status=BatchStatusServiceStub(status),
            reports=ReportServiceStub(reports),
            channels={name: opened[target] for name, target in targets.items()},
        )


class Calls:
    """The services, called for one request: within its time, and for no longer than its client is there."""

    __slots__ = ("_request", "services")

    def __init__(self, services: Services, request: Request) -> None:
        self.services = services
        self._request = request

    async def unary(self, method: UnaryUnaryMultiCallable[Q, A], message: Q) -> A:
        """Return the answer of a method. Raises AioRpcError, and ProblemError when the caller's time is none."""
        call = method(message, timeout=_seconds(self._request.headers.get("request-timeout")))
        return await self.for_client(call, call.cancel)

    async def for_client(self, answer: Awaitable[T], give_up: Callable[[], object]) -> T:
        """Return an answer to a request whose body was read; when its client goes, `give_up` ends the work for it.

        Raises what the work raises, and ClientDisconnect when the client is gone.
        """
        watching: list[asyncio.Task[None]] = []
        loop = asyncio.get_running_loop()
        timer = loop.call_later(_PATIENCE_SECONDS, lambda: watching.append(loop.create_task(self._when_gone(give_up))))
        try:
            return await answer
        except BaseException:
            if any(task.done() for task in watching):
                raise ClientDisconnect from None
            raise
        finally:
            timer.cancel()
            for task in watching:
                task.cancel()

    def count(self, error: grpc.aio.AioRpcError) -> None:
        """Count an error that is not the answer to the whole request."""
        self._request.app.state.metrics.upstream_error(error.code().name)

    async def _when_gone(self, give_up: Callable[[], object]) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        give_up()


def _seconds(asked: str | None) -> float:
    """Return how long a call may take when its caller asks for so many seconds."""
    if asked is None:
        return DEADLINE_SECONDS
    try:
        seconds = float(asked)
    except ValueError:
        seconds = math.nan
    if not 1 <= seconds < math.inf:
        raise invalid_field("Request-Timeout", f"must be a number of seconds, 1 to {DEADLINE_SECONDS:g}")
    return min(seconds, DEADLINE_SECONDS)


async def calls(request: Request) -> Calls:
    """Return what calls the services that the application was created with."""
    return Calls(request.app.state.services, request)


Upstream = Annotated[Calls, Depends(calls)]


def _name(module: ModuleType, service: str) -> str:
    descriptor: FileDescriptor = module.DESCRIPTOR
    return descriptor.services_by_name[service].full_name
