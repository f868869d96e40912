"""The service that registers reports, takes their content and returns analyses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

from grpc.aio import ServicerContext

from fna.reports.v1 import report_pb2
from fna.reports.v1 import report_service_pb2 as pb
from fna.reports.v1.report_service_pb2_grpc import ReportServiceServicer
from reports_core.domain import media
from reports_core.domain.errors import ContentMismatch, ContentTooLarge, InvalidRequest
from reports_core.storage import analyses, deltas, reports
from reports_core.storage.documents import DocumentStore, NewDocument
from reports_core.storage.reports import NewReport, Registered
from reports_core.storage.transactions import Database
from reports_server import mapping, paging
from reports_server.owner import owner_of
from reports_server.sources import Sources

MAX_CONTENT_BYTES = 52_428_800


class ReportServicer(ReportServiceServicer):
    """Maps requests to storage calls; requests are validated by the interceptor."""

    def __init__(self, database: Database, documents: DocumentStore, sources: Sources) -> None:
        self._database = database
        self._documents = documents
        self._sources = sources

    async def RegisterReport(
        self, request: pb.RegisterReportRequest, context: ServicerContext[Any, Any]
    ) -> pb.RegisterReportResponse:
        mapping.filing_date(request.report.filing_date)
        pieces = self._sources.read(request.report.source_uri)
        with self._documents.open() as document:
            await asyncio.to_thread(_copy, pieces, document)
            registered = await self._register(context, request.report, document, request.request_id)
        return pb.RegisterReportResponse(
            report=mapping.report_message(registered.report), already_existed=registered.already_existed
        )

    async def UploadReport(
        self, requests: AsyncIterator[pb.UploadReportRequest], context: ServicerContext[Any, Any]
    ) -> pb.UploadReportResponse:
        header = await _header(requests)
        mapping.filing_date(header.report.filing_date)
        # Not in a thread: a call that is cancelled meanwhile would leave the file behind.
        with self._documents.open() as document:
            footer = await _receive(requests, document)
            _verify(document, header, footer)
            registered = await self._register(context, header.report, document, "")
        return pb.UploadReportResponse(
            report=mapping.report_message(registered.report), already_existed=registered.already_existed
        )

    async def GetReport(self, request: pb.GetReportRequest, context: ServicerContext[Any, Any]) -> pb.GetReportResponse:
        report = await self._database.run(reports.get, owner_of(context), UUID(request.report_id))
        return pb.GetReportResponse(report=mapping.report_message(report))

    async def ListReports(
        self, request: pb.ListReportsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListReportsResponse:
        size = paging.page_size(request.page_size, 50)
        found = await self._database.run(
            reports.list_page,
            owner_of(context),
            company_id=mapping.optional_uuid(request.company_id),
            statuses=mapping.report_statuses(request.statuses),
            limit=size + 1,
            before=paging.time_and_id(request),
        )
        page = found[:size]
        token = paging.encode(request, page[-1].created_at.isoformat(), page[-1].report_id) if found[size:] else ""
        return pb.ListReportsResponse(reports=map(mapping.report_message, page), next_page_token=token)

    async def GetReportAnalysis(
        self, request: pb.GetReportAnalysisRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetReportAnalysisResponse:
        stored = await self._database.run(
            analyses.get, owner_of(context), UUID(request.report_id), mapping.optional_uuid(request.analysis_id)
        )
        return pb.GetReportAnalysisResponse(analysis=mapping.analysis_message(stored))

    async def GetNarrativeDelta(
        self, request: pb.GetNarrativeDeltaRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetNarrativeDeltaResponse:
        found = await self._database.run(
            deltas.get, owner_of(context), UUID(request.report_id), mapping.optional_uuid(request.base_report_id)
        )
        return pb.GetNarrativeDeltaResponse(delta=mapping.delta_message(found))

    async def _register(
        self, context: ServicerContext[Any, Any], report: report_pb2.Report, document: NewDocument, request_id: str
    ) -> Registered:
        if not document.size_bytes:
            raise InvalidRequest(
                "chunk" if not report.source_uri else "report.source_uri",
                "the document is empty: choose one with content",
            )
        # The content first: a row without its document would be a report that nobody can analyse.
        await asyncio.to_thread(document.keep)
        new = NewReport(
            owner=owner_of(context),
            company_id=UUID(report.company_id),
            report_type=mapping.report_type(report.report_type),
            content_type=media.sniff(document.head),
            content_size_bytes=document.size_bytes,
            content_sha256=document.sha256,
            title=report.title,
            file_name=report.file_name,
            source_uri=report.source_uri,
            fiscal_period=report.fiscal_period,
            filing_date=mapping.filing_date(report.filing_date),
            request_id=mapping.optional_uuid(request_id),
        )
        return await self._database.run(reports.register, new)


async def _header(requests: AsyncIterator[pb.UploadReportRequest]) -> pb.UploadReportRequest.Header:
    first = await anext(requests, None)
    if first is None or not first.HasField("header"):
        raise InvalidRequest("header", "must be the first message of an upload")
    return first.header


async def _receive(
    requests: AsyncIterator[pb.UploadReportRequest], document: NewDocument
) -> pb.UploadReportRequest.Footer | None:
    """Write the chunks that come, and return the footer if there is one."""
    footer = None
    async for request in requests:
        if footer is not None:
            raise InvalidRequest("footer", "must be the last message of an upload")
        match request.WhichOneof("payload"):
            case "chunk":
                _append(document, request.chunk)
            case "footer":
                footer = request.footer
            case _:
                raise InvalidRequest("header", "must be sent once, as the first message; then send chunks only")
    return footer


def _copy(pieces: Iterable[bytes], document: NewDocument) -> None:
    for piece in pieces:
        _append(document, piece)


def _append(document: NewDocument, chunk: bytes) -> None:
    if document.size_bytes + len(chunk) > MAX_CONTENT_BYTES:
        raise ContentTooLarge(MAX_CONTENT_BYTES)
    document.write(chunk)


def _verify(
    document: NewDocument, header: pb.UploadReportRequest.Header, footer: pb.UploadReportRequest.Footer | None
) -> None:
    if header.footer_follows and footer is None:
        # The messages of a call that is cancelled may end as if it were complete, and the cancellation come later.
        raise ContentMismatch("the upload ended without its footer; send the whole upload again")
    announced = [header.content_size_bytes] if header.content_size_bytes else []
    for size in announced + ([footer.content_size_bytes] if footer else []):
        if size != document.size_bytes:
            raise ContentMismatch(
                f"content_size_bytes says {size}, {document.size_bytes} bytes arrived; send the whole upload again"
            )
    if header.content_sha256 and header.content_sha256 != document.sha256:
        raise ContentMismatch(
            f"content_sha256 says {header.content_sha256}, what arrived has {document.sha256}; "
            "send the whole upload again"
        )
