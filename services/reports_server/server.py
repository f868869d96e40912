"""The gRPC server with the services it was asked to run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from enum import StrEnum

import grpc.aio
from grpc_health.v1 import health_pb2_grpc

from fna.reports.v1 import (
    batch_status_service_pb2_grpc,
    batch_submission_service_pb2_grpc,
    diagnostics_service_pb2_grpc,
    report_service_pb2_grpc,
)
from reports_core.settings import SettingsError
from reports_core.storage.document_stores import document_store
from reports_core.storage.engine import async_engine, reading_engine, sync_engine
from reports_core.storage.queue import queue_for
from reports_core.storage.sweep import Sweeper
from reports_core.storage.transactions import Database
from reports_server import connections
from reports_server.diagnostics import DiagnosticsServicer
from reports_server.errors import ErrorInterceptor
from reports_server.feed import Feed
from reports_server.health import Health
from reports_server.reflection import SERVICE_NAMES as REFLECTION
from reports_server.reflection import Reflection
from reports_server.reports import ReportServicer
from reports_server.settings import ServerSettings
from reports_server.sources import Sources
from reports_server.status import BatchStatusServicer
from reports_server.submission import BatchSubmission
from reports_server.upkeep import Upkeep
from reports_server.validation import RequestValidator

logger = logging.getLogger(__name__)

_READING_CONNECTIONS = 4
"""Connections on which the streams of all watchers read."""


class Service(StrEnum):
    """A service that can be deployed apart; the value is its name in the contract."""

    SUBMISSION = "fna.reports.v1.BatchSubmissionService"
    STATUS = "fna.reports.v1.BatchStatusService"
    REPORTS = "fna.reports.v1.ReportService"
    DIAGNOSTICS = "fna.reports.v1.DiagnosticsService"


@asynccontextmanager
async def serving(settings: ServerSettings, services: Collection[Service]) -> AsyncIterator[str]:
    """Serve; entered means ready and yields the address taken, left means stopped.

    On leaving, watches are ended at once with UNAVAILABLE, other calls may finish within the grace.
    """
    sweep_engine = sync_engine(settings.database_url, pool_size=2, application_name="fna-reports-sweep")
    queue = queue_for(settings.broker_url)
    sweeper = Sweeper(sweep_engine, queue, event_retention=settings.event_retention)
    upkeep = Upkeep(sweeper, settings.sweep_seconds)
    async with (
        _database(settings) as database,
        _reading(settings) as reading,
        Feed(
            settings.session_url,
            reading,
            max_watchers=settings.max_watchers,
            max_watchers_per_owner=settings.max_watchers_per_owner,
        ) as feed,
    ):
        server = grpc.aio.server(
            interceptors=[ErrorInterceptor(RequestValidator().violations)], options=connections.options(settings)
        )
        if Service.SUBMISSION in services:
            batch_submission_service_pb2_grpc.add_BatchSubmissionServiceServicer_to_server(
                BatchSubmission(
                    database,
                    queue,
                    feed,
                    upkeep,
                    max_batch_size=settings.max_batch_size,
                    private_webhooks=settings.webhook_allow_private,
                ),
                server,
            )
        if Service.STATUS in services:
            batch_status_service_pb2_grpc.add_BatchStatusServiceServicer_to_server(
                BatchStatusServicer(database, reading, feed), server
            )
        if Service.REPORTS in services:
            documents = document_store(settings.documents_url)
            report_service_pb2_grpc.add_ReportServiceServicer_to_server(
                ReportServicer(database, documents, Sources(settings.source_roots)), server
            )
        if Service.DIAGNOSTICS in services:
            diagnostics_service_pb2_grpc.add_DiagnosticsServiceServicer_to_server(
                DiagnosticsServicer(database, feed, own_queue=settings.broker_url is None), server
            )
        health = Health(services)
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        Reflection([*services, "grpc.health.v1.Health", *REFLECTION]).add_to(server)
        address = _bind(server, settings.grpc_address)
        await server.start()
        sweeping = asyncio.create_task(upkeep.run())
        try:
            yield address
        finally:
            health.drain()
            feed.drain()
            await server.stop(settings.shutdown_grace_seconds)
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
            sweeper.close()
            sweep_engine.dispose()


@asynccontextmanager
async def _database(settings: ServerSettings) -> AsyncIterator[Database]:
    engine = async_engine(
        settings.database_url,
        pool_size=settings.pool_size,
        application_name="fna-reports-server",
        statement_timeout_seconds=settings.statement_timeout_seconds,
        pooler=settings.direct_database_url is not None,
    )
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _reading(settings: ServerSettings) -> AsyncIterator[Database]:
    engine = reading_engine(
        settings.session_url,
        pool_size=_READING_CONNECTIONS,
        application_name="fna-reports-reading",
        statement_timeout_seconds=settings.statement_timeout_seconds,
    )
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


def _bind(server: grpc.aio.Server, address: str) -> str:
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if not port:
        raise SettingsError(
            f"cannot listen on FNA_REPORTS_GRPC_ADDRESS={address}: it is in use or not of this machine; choose another"
        )
    return f"{address.rpartition(':')[0]}:{port}"
