"""The service that tells how the installation is."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from grpc.aio import ServicerContext

from fna.reports.v1 import diagnostics_service_pb2 as pb
from fna.reports.v1.diagnostics_service_pb2_grpc import DiagnosticsServiceServicer
from reports_core.storage import diagnostics
from reports_core.storage.transactions import Database
from reports_server import mapping
from reports_server.feed import Feed

_DATABASE_SECONDS = 5.0
"""Whoever asks wants to hear that the database does not answer, and not to wait for it."""


class DiagnosticsServicer(DiagnosticsServiceServicer):
    """Says what the database knows, and what only this process does; `own_queue`: the queues are in the database."""

    def __init__(self, database: Database, feed: Feed, *, own_queue: bool) -> None:
        self._database = database
        self._feed = feed
        self._own_queue = own_queue
        self._began = time.monotonic()

    async def GetDiagnostics(
        self, request: pb.GetDiagnosticsRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetDiagnosticsResponse:
        async with asyncio.timeout(_DATABASE_SECONDS):
            found = await self._database.run(diagnostics.get, own_queue=self._own_queue)
        return mapping.diagnostics_response(self._server(), found, own_queue=self._own_queue)

    def _server(self) -> pb.ServerDiagnostics:
        server = pb.ServerDiagnostics(
            version=version("fna-reports-server"),
            contract=pb.DESCRIPTOR.package,
            open_watches=self._feed.open_watches,
            listening=self._feed.listening,
        )
        server.uptime.FromTimedelta(timedelta(seconds=time.monotonic() - self._began))
        server.observed_at.GetCurrentTime()
        return server
