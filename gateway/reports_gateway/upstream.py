"""The gRPC services behind the gateway, one channel for each distinct target."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import grpc.aio
from fastapi import Depends, Request

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from fna.reports.v1 import report_service_pb2
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub
from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceStub
from fna.reports.v1.report_service_pb2_grpc import ReportServiceStub
from reports_gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from google.protobuf.descriptor import FileDescriptor

    from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceAsyncStub
    from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceAsyncStub
    from fna.reports.v1.report_service_pb2_grpc import ReportServiceAsyncStub

DEADLINE_SECONDS = 30.0
"""Longest time of a unary call."""

_OPTIONS = [
    # A page of 1,000 items that all failed is larger than gRPC's default of 4 MiB.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    # The default doubles up to two minutes, much longer than a server takes to restart.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
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


def services(request: Request) -> Services:
    """Return the services that the application was created with."""
    found: Services = request.app.state.services
    return found


Upstream = Annotated[Services, Depends(services)]


def _name(module: ModuleType, service: str) -> str:
    descriptor: FileDescriptor = module.DESCRIPTOR
    return descriptor.services_by_name[service].full_name
