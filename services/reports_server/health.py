"""The standard health service, for balancers, probes and operators."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc.aio import ServicerContext
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

from reports_server.errors import Draining, abort, status_of


class Health(HealthServicer):
    """Tells of each service, and of all of them under the empty name, that it serves until it drains.

    That of grpcio-health-checking keeps watches open while the server stops, which then waits out its whole grace.
    """

    def __init__(self, services: Collection[str]) -> None:
        self._services = ["", *sorted(services)]
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Tell everyone not to come any more, and end all watches."""
        self._draining.set()

    async def Check(  # noqa: N802 - named by the protocol
        self, request: HealthCheckRequest, context: ServicerContext[Any, Any]
    ) -> HealthCheckResponse:
        if request.service not in self._services:
            served = ", ".join(filter(None, self._services))
            await context.abort(grpc.StatusCode.NOT_FOUND, f"{request.service} is not served here, but {served}")
        return self._health(request.service)

    async def List(self, request: object, context: ServicerContext[Any, Any]) -> Message:  # noqa: N802 - as above
        statuses = {name: self._health(name) for name in self._services}
        return health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined,no-any-return]  # is newer than its types

    async def Watch(  # noqa: N802 - as above
        self, request: HealthCheckRequest, context: ServicerContext[Any, Any]
    ) -> None:
        await context.write(self._health(request.service))
        await self._draining.wait()
        await context.write(self._health(request.service))
        await abort(context, status_of(Draining()))

    def _health(self, name: str) -> HealthCheckResponse:
        if name not in self._services:
            return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        if self._draining.is_set():
            return HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)
        return HealthCheckResponse(status=HealthCheckResponse.SERVING)
