"""The asyncio client of the service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar

import grpc
from grpc import aio

from fna.reports import _requests
from fna.reports._async_connection import AsyncConnection
from fna.reports._connection import OnInterruption
from fna.reports._document import Content, Document, OnProgress
from fna.reports._identity import Identity, Metadata, Token
from fna.reports._paging import Page, Paged
from fna.reports._requests import Id
from fna.reports._submission import require_known
from fna.reports._watch import Watch
from fna.reports._watch_batches import BatchesWatch
from fna.reports.handle import AsyncBatchHandle
from fna.reports.v1.batch_pb2 import (
    BATCH_VIEW_BASIC,
    BATCH_VIEW_UNSPECIFIED,
    Batch,
    BatchEvent,
    BatchItem,
    BatchItemStatus,
    BatchStatus,
    BatchView,
)
from fna.reports.v1.batch_status_service_pb2 import BatchResult, GetBatchRequest, ListWebhookDeliveriesRequest
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub
from fna.reports.v1.batch_submission_service_pb2 import (
    CancelBatchRequest,
    GetWebhookSettingsRequest,
    RedeliverWebhookRequest,
    RotateWebhookSecretRequest,
    RotateWebhookSecretResponse,
    UpdateWebhookSettingsRequest,
)
from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceStub
from fna.reports.v1.diagnostics_service_pb2 import GetDiagnosticsRequest, GetDiagnosticsResponse
from fna.reports.v1.diagnostics_service_pb2_grpc import DiagnosticsServiceStub
from fna.reports.v1.report_pb2 import REPORT_TYPE_OTHER, Report, ReportAnalysis, ReportStatus, ReportType
from fna.reports.v1.report_service_pb2 import (
    GetNarrativeDeltaRequest,
    GetReportAnalysisRequest,
    GetReportRequest,
    NarrativeDelta,
)
from fna.reports.v1.report_service_pb2_grpc import ReportServiceStub
from fna.reports.v1.webhook_pb2 import WebhookDelivery, WebhookSettings

_Request = TypeVar("_Request", bound=Paged)
_Page = TypeVar("_Page", bound=Page)


class AsyncReportsClient:
    """Submits batches of reports and follows their progress, from asyncio.

    The arguments, methods, results and errors are those of `ReportsClient`, where they are documented; calls are
    awaited and iterators are asynchronous. Create it inside a coroutine: a client belongs to the running event loop.

    >>> import asyncio
    >>> from pathlib import Path
    >>> from fna.reports import AsyncReportsClient, company_id
    >>> async def main() -> None:
    ...     async with AsyncReportsClient("127.0.0.1:50051") as client:
    ...         batch = await client.submit([Path("letter.txt")], company_id=company_id("Acme"))
    ...         async for event in batch.events():
    ...             print(event.WhichOneof("event"))
    ...         for result in (await batch.result()).results:
    ...             print(f"optimism {result.analysis.optimism.value:.2f}")
    >>> asyncio.run(main())
    item_changed
    ...
    status_changed
    optimism 0.90

    A task that stops reading a watch before its end closes it with `contextlib.aclosing`, or leaves that to the garbage
    collector.
    """

    def __init__(
        self,
        target: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        token: Token | None = None,
        api_key: str | None = None,
        allow_plaintext_secrets: bool = False,
        timeout: timedelta = timedelta(seconds=30),
        reconnect_timeout: timedelta | None = None,
    ) -> None:
        self.target = target
        identity = Identity(token, api_key)
        identity.require_secret(target, encrypted=credentials is not None, allow_plaintext=allow_plaintext_secrets)
        self._connection = AsyncConnection(target, credentials, identity, timeout, reconnect_timeout)
        self._submissions = BatchSubmissionServiceStub(self._connection.channel)
        self._statuses = BatchStatusServiceStub(self._connection.channel)
        self._reports = ReportServiceStub(self._connection.channel)
        self._diagnostics = DiagnosticsServiceStub(self._connection.channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection. Calls and watches that still run, or are made later, raise `ReportsError`."""
        await self._connection.close()

    @property
    def channel(self) -> aio.Channel:
        """The connection; see `ReportsClient.channel`."""
        return self._connection.channel

    def metadata(self) -> Metadata:
        """Return what tells a server who calls; see `ReportsClient.metadata`."""
        return self._connection.metadata()

    async def connect(self, within: timedelta) -> None:
        """Wait until the connection is up, which calls otherwise do by themselves; see `ReportsClient.connect`."""
        await self._connection.connect(within)

    async def upload(
        self,
        content: Content,
        *,
        company_id: Id,
        report_type: ReportType.ValueType,
        title: str = "",
        fiscal_period: str = "",
        filing_date: str = "",
        file_name: str = "",
        content_type: str = "",
        on_progress: OnProgress | None = None,
    ) -> Report:
        """Upload a report and return it; see `ReportsClient.upload`.

        A file or stream is read in a thread; `on_progress` is called on the event loop.
        """
        document = await asyncio.to_thread(Document.read, content)
        report = _requests.report(
            company_id,
            report_type,
            title=title,
            fiscal_period=fiscal_period,
            filing_date=filing_date,
            content_type=content_type,
            file_name=file_name or document.file_name,
        )
        response = await self._connection.attempt(
            lambda timeout, metadata: self._reports.UploadReport(
                document.messages(report, on_progress), timeout=timeout, metadata=metadata
            )
        )
        return response.report

    async def register(
        self,
        source_uri: str,
        *,
        company_id: Id,
        report_type: ReportType.ValueType,
        title: str = "",
        fiscal_period: str = "",
        filing_date: str = "",
        content_type: str = "",
        request_id: Id | None = None,
    ) -> Report:
        """Register a report that the server fetches by itself, and return it; see `ReportsClient.register`."""
        report = _requests.report(
            company_id,
            report_type,
            title=title,
            fiscal_period=fiscal_period,
            filing_date=filing_date,
            content_type=content_type,
            source_uri=source_uri,
        )
        request = _requests.register_report(report, request_id)
        return (await self._connection.call(self._reports.RegisterReport, request)).report

    async def get_report(self, report_id: Id) -> Report:
        """Return a report; see `ReportsClient.get_report`."""
        return (await self._connection.call(self._reports.GetReport, GetReportRequest(report_id=str(report_id)))).report

    async def list_reports(
        self,
        *,
        company_id: Id | None = None,
        statuses: Iterable[ReportStatus.ValueType] = (),
        page_size: int = 0,
    ) -> AsyncIterator[Report]:
        """Yield the reports, newest first; see `ReportsClient.list_reports`."""
        request = _requests.list_reports(company_id, statuses, page_size)
        async for page in self._pages(self._reports.ListReports, request):
            for report in page.reports:
                yield report

    async def get_analysis(self, report_id: Id, analysis_id: Id | None = None) -> ReportAnalysis:
        """Return an analysis of a report; see `ReportsClient.get_analysis`."""
        request = GetReportAnalysisRequest(report_id=str(report_id), analysis_id=_requests.optional_id(analysis_id))
        return (await self._connection.call(self._reports.GetReportAnalysis, request)).analysis

    async def get_delta(self, report_id: Id, base_report_id: Id | None = None) -> NarrativeDelta:
        """Return how the narrative of a report differs from that of an earlier one; see `ReportsClient.get_delta`."""
        request = GetNarrativeDeltaRequest(
            report_id=str(report_id), base_report_id=_requests.optional_id(base_report_id)
        )
        return (await self._connection.call(self._reports.GetNarrativeDelta, request)).delta

    async def submit(
        self,
        reports: Iterable[Id | os.PathLike[str]],
        *,
        company_id: Id | None = None,
        report_type: ReportType.ValueType = REPORT_TYPE_OTHER,
        request_id: Id | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        execution_timeout: timedelta | None = None,
        webhook_url: str = "",
    ) -> AsyncBatchHandle:
        """Submit reports, ids or files, for analysis and return a handle of the batch; see `ReportsClient.submit`."""
        report_ids = []
        for report in reports:
            report_id = await self._report_id(report, company_id, report_type)
            # The same content twice is one report.
            if not isinstance(report, os.PathLike) or report_id not in report_ids:
                report_ids.append(report_id)
        request = _requests.submit_batch(report_ids, request_id, labels, priority, execution_timeout, webhook_url)
        return AsyncBatchHandle(self, (await self._connection.call(self._submissions.SubmitBatch, request)).batch)

    async def validate(
        self,
        report_ids: Iterable[Id],
        *,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        execution_timeout: timedelta | None = None,
        webhook_url: str = "",
    ) -> None:
        """Check a submission without submitting anything; see `ReportsClient.validate`."""
        request = _requests.submit_batch(report_ids, None, labels, priority, execution_timeout, webhook_url)
        request.validate_only = True
        require_known(await self._connection.call(self._submissions.SubmitBatch, request))

    async def batch(self, batch_id: Id, task_id: Id | None = None) -> AsyncBatchHandle:
        """Return a handle of a batch that was submitted before; see `ReportsClient.batch`."""
        return AsyncBatchHandle(self, await self.get_batch(batch_id, task_id, view=BATCH_VIEW_BASIC))

    async def cancel(self, batch_id: Id, *, reason: str = "", etag: str = "") -> Batch:
        """Request cancellation and return the batch; see `ReportsClient.cancel`."""
        request = CancelBatchRequest(batch_id=str(batch_id), reason=reason, etag=etag)
        return (await self._connection.call(self._submissions.CancelBatch, request)).batch

    async def retry(
        self, batch_id: Id, *, report_ids: Iterable[Id] = (), request_id: Id | None = None, etag: str = ""
    ) -> AsyncBatchHandle:
        """Start a new execution over what did not succeed and return its handle; see `ReportsClient.retry`."""
        request = _requests.retry_batch(batch_id, report_ids, request_id, etag)
        return AsyncBatchHandle(self, (await self._connection.call(self._submissions.RetryBatch, request)).batch)

    async def get_batch(
        self, batch_id: Id, task_id: Id | None = None, *, view: BatchView.ValueType = BATCH_VIEW_UNSPECIFIED
    ) -> Batch:
        """Return a batch; see `ReportsClient.get_batch`."""
        request = GetBatchRequest(batch_id=str(batch_id), task_id=_requests.optional_id(task_id), view=view)
        return (await self._connection.call(self._statuses.GetBatch, request)).batch

    async def list_batches(
        self,
        *,
        statuses: Iterable[BatchStatus.ValueType] = (),
        labels: Mapping[str, str] | None = None,
        batch_ids: Iterable[Id] = (),
        page_size: int = 0,
    ) -> AsyncIterator[Batch]:
        """Yield the batches, newest first; see `ReportsClient.list_batches`."""
        request = _requests.list_batches(statuses, labels, batch_ids, page_size)
        async for page in self._pages(self._statuses.ListBatches, request):
            for batch in page.batches:
                yield batch

    async def list_items(
        self,
        batch_id: Id,
        *,
        task_id: Id | None = None,
        statuses: Iterable[BatchItemStatus.ValueType] = (),
        page_size: int = 0,
    ) -> AsyncIterator[BatchItem]:
        """Yield the items of a batch in the order of submission; see `ReportsClient.list_items`."""
        request = _requests.list_items(batch_id, task_id, statuses, page_size)
        async for page in self._pages(self._statuses.ListBatchItems, request):
            for item in page.items:
                yield item

    async def list_results(
        self,
        batch_id: Id,
        *,
        task_id: Id | None = None,
        statuses: Iterable[BatchItemStatus.ValueType] = (),
        page_size: int = 0,
    ) -> AsyncIterator[BatchResult]:
        """Yield the items of a batch with their reports and analyses; see `ReportsClient.list_results`."""
        request = _requests.list_results(batch_id, task_id, statuses, page_size)
        async for page in self._pages(self._statuses.ListBatchResults, request):
            for result in page.results:
                yield result

    def watch(
        self,
        batch_id: Id,
        task_id: Id | None = None,
        after_sequence: int | None = None,
        heartbeat_interval: timedelta | None = None,
        *,
        exclude_item_events: bool = False,
        within: timedelta | None = None,
        on_interruption: OnInterruption | None = None,
    ) -> AsyncGenerator[BatchEvent, None]:
        """Yield the events of a batch until its execution is over; see `ReportsClient.watch`."""
        request = _requests.watch_batch(batch_id, task_id, after_sequence, heartbeat_interval, exclude_item_events)

        async def begin() -> Watch:
            interruptions = self._connection.interruptions(within)
            if after_sequence is not None and task_id is None:
                # No snapshot will tell which execution this is, and the batch may be retried while the watch is cut.
                current = GetBatchRequest(batch_id=request.batch_id, view=BATCH_VIEW_BASIC)
                request.task_id = (await self._connection.call(self._statuses.GetBatch, current, within)).batch.task_id
            return Watch(request, interruptions)

        return self._connection.follow(self._statuses.WatchBatch, begin, on_interruption)

    def watch_batches(
        self,
        *,
        statuses: Iterable[BatchStatus.ValueType] = (),
        labels: Mapping[str, str] | None = None,
        batch_ids: Iterable[Id] = (),
        heartbeat_interval: timedelta | None = None,
        exclude_item_events: bool = False,
        within: timedelta | None = None,
        on_interruption: OnInterruption | None = None,
    ) -> AsyncGenerator[BatchEvent, None]:
        """Yield the events of all batches that meet the given conditions; see `ReportsClient.watch_batches`."""
        request = _requests.watch_batches(statuses, labels, batch_ids, heartbeat_interval, exclude_item_events)

        async def begin() -> BatchesWatch:
            return BatchesWatch(request, self._connection.interruptions(within))

        return self._connection.follow(self._statuses.WatchBatches, begin, on_interruption)

    async def get_webhook_settings(self) -> WebhookSettings:
        """Return where webhooks go unless a batch says otherwise; see `ReportsClient.get_webhook_settings`."""
        return (await self._connection.call(self._submissions.GetWebhookSettings, GetWebhookSettingsRequest())).settings

    async def set_webhook_url(self, url: str) -> WebhookSettings:
        """Set where webhooks go from now on unless a batch says otherwise; see `ReportsClient.set_webhook_url`."""
        request = UpdateWebhookSettingsRequest(url=url)
        return (await self._connection.call(self._submissions.UpdateWebhookSettings, request)).settings

    async def rotate_webhook_secret(self) -> RotateWebhookSecretResponse:
        """Make a new secret and return it, this once; see `ReportsClient.rotate_webhook_secret`."""
        return await self._connection.call_once(self._submissions.RotateWebhookSecret, RotateWebhookSecretRequest())

    async def list_webhook_deliveries(self, batch_id: Id) -> list[WebhookDelivery]:
        """Return the webhooks of a batch, newest first; see `ReportsClient.list_webhook_deliveries`."""
        request = ListWebhookDeliveriesRequest(batch_id=str(batch_id))
        return list((await self._connection.call(self._statuses.ListWebhookDeliveries, request)).deliveries)

    async def redeliver_webhook(self, batch_id: Id, delivery_id: Id) -> WebhookDelivery:
        """Deliver a webhook again, now, and return it; see `ReportsClient.redeliver_webhook`."""
        request = RedeliverWebhookRequest(batch_id=str(batch_id), delivery_id=str(delivery_id))
        return (await self._connection.call(self._submissions.RedeliverWebhook, request)).delivery

    async def get_diagnostics(self) -> GetDiagnosticsResponse:
        """Return how the installation is; see `ReportsClient.get_diagnostics`."""
        return await self._connection.call_once(self._diagnostics.GetDiagnostics, GetDiagnosticsRequest())

    async def _report_id(
        self, report: Id | os.PathLike[str], company_id: Id | None, report_type: ReportType.ValueType
    ) -> Id:
        if not isinstance(report, os.PathLike):
            return report
        company = _requests.company_of(report, company_id)
        return (await self.upload(report, company_id=company, report_type=report_type)).report_id

    async def _pages(
        self, method: aio.UnaryUnaryMultiCallable[_Request, _Page], request: _Request
    ) -> AsyncIterator[_Page]:
        """Yield the pages of a list, each fetched when it is asked for."""
        while True:
            page = await self._connection.call(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
