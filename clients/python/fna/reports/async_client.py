"""The asyncio client of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar, cast

import grpc
from grpc import aio

from fna.reports import _requests
from fna.reports._attempts import Attempts
from fna.reports._channel import OPTIONS, not_connected
from fna.reports._document import Content, Document
from fna.reports._requests import Id
from fna.reports._status import error_of
from fna.reports._submission import submitted_batch
from fna.reports._watch import Watch
from fna.reports.errors import DataLossError, ReportsError
from fna.reports.v1.batch_pb2 import (
    BATCH_VIEW_UNSPECIFIED,
    Batch,
    BatchEvent,
    BatchItem,
    BatchItemStatus,
    BatchStatus,
    BatchView,
)
from fna.reports.v1.batch_status_service_pb2 import BatchResult, GetBatchRequest
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub
from fna.reports.v1.batch_submission_service_pb2 import CancelBatchRequest
from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceStub
from fna.reports.v1.diagnostics_service_pb2 import GetDiagnosticsRequest, GetDiagnosticsResponse
from fna.reports.v1.diagnostics_service_pb2_grpc import DiagnosticsServiceStub
from fna.reports.v1.report_pb2 import Report, ReportAnalysis, ReportStatus, ReportType
from fna.reports.v1.report_service_pb2 import (
    GetNarrativeDeltaRequest,
    GetReportAnalysisRequest,
    GetReportRequest,
    NarrativeDelta,
)
from fna.reports.v1.report_service_pb2_grpc import ReportServiceStub

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class AsyncReportsClient:
    """Submits batches of reports and follows their progress, from asyncio.

    The arguments, methods, results and errors are those of `ReportsClient`, where they are documented; calls are
    awaited and iterators are asynchronous. Create it inside a coroutine: a client belongs to the running event loop.

        async with AsyncReportsClient("127.0.0.1:50051") as client:
            report = await client.upload("10k.htm", company_id=company_id("Acme"), report_type=REPORT_TYPE_10_K)
            batch = await client.submit([report.report_id])
            async for event in client.watch(batch.batch_id):
                print(event.sequence, event.WhichOneof("event"))

    A task that stops reading a watch before its end closes it with `contextlib.aclosing`, or leaves that to the garbage
    collector.
    """

    def __init__(
        self,
        target: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout: timedelta = timedelta(seconds=30),
        reconnect_timeout: timedelta | None = None,
    ) -> None:
        self.target = target
        self._timeout = timeout
        self._reconnect_timeout = reconnect_timeout
        if credentials is None:
            self._channel = aio.insecure_channel(target, OPTIONS)
        else:
            self._channel = aio.secure_channel(target, credentials, OPTIONS)
        self._submissions = BatchSubmissionServiceStub(self._channel)
        self._statuses = BatchStatusServiceStub(self._channel)
        self._reports = ReportServiceStub(self._channel)
        self._diagnostics = DiagnosticsServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection. Calls and watches that still run fail."""
        await self._channel.close()

    @property
    def channel(self) -> aio.Channel:
        """The connection; see `ReportsClient.channel`."""
        return self._channel

    async def connect(self, within: timedelta) -> None:
        """Wait until the connection is up, which calls otherwise do by themselves; see `ReportsClient.connect`."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._channel.channel_ready()
        except TimeoutError:
            raise not_connected(self.target, within) from None

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
    ) -> Report:
        """Upload a report and return it; see `ReportsClient.upload`. A stream is read in a thread."""
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
        response = await self._try(
            lambda timeout: self._reports.UploadReport(document.messages(report), timeout=timeout)
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
        return (await self._call(self._reports.RegisterReport, _requests.register_report(report, request_id))).report

    async def get_report(self, report_id: Id) -> Report:
        """Return a report; see `ReportsClient.get_report`."""
        return (await self._call(self._reports.GetReport, GetReportRequest(report_id=str(report_id)))).report

    async def list_reports(
        self,
        *,
        company_id: Id | None = None,
        statuses: Iterable[ReportStatus.ValueType] = (),
        page_size: int = 0,
    ) -> AsyncIterator[Report]:
        """Yield the reports, newest first; see `ReportsClient.list_reports`."""
        request = _requests.list_reports(company_id, statuses, page_size)
        while True:
            page = await self._call(self._reports.ListReports, request)
            for report in page.reports:
                yield report
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def get_analysis(self, report_id: Id, analysis_id: Id | None = None) -> ReportAnalysis:
        """Return an analysis of a report; see `ReportsClient.get_analysis`."""
        request = GetReportAnalysisRequest(report_id=str(report_id), analysis_id=_requests.optional_id(analysis_id))
        return (await self._call(self._reports.GetReportAnalysis, request)).analysis

    async def get_delta(self, report_id: Id, base_report_id: Id | None = None) -> NarrativeDelta:
        """Return how the narrative of a report differs from that of an earlier one; see `ReportsClient.get_delta`."""
        request = GetNarrativeDeltaRequest(
            report_id=str(report_id), base_report_id=_requests.optional_id(base_report_id)
        )
        return (await self._call(self._reports.GetNarrativeDelta, request)).delta

    async def submit(
        self,
        report_ids: Iterable[Id],
        *,
        request_id: Id | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        execution_timeout: timedelta | None = None,
        webhook_url: str = "",
        validate_only: bool = False,
    ) -> Batch:
        """Submit reports for analysis and return the batch; see `ReportsClient.submit`."""
        request = _requests.submit_batch(
            report_ids, request_id, labels, priority, execution_timeout, webhook_url, validate_only
        )
        return submitted_batch(await self._call(self._submissions.SubmitBatch, request))

    async def cancel(self, batch_id: Id, *, reason: str = "", etag: str = "") -> Batch:
        """Request cancellation and return the batch; see `ReportsClient.cancel`."""
        request = CancelBatchRequest(batch_id=str(batch_id), reason=reason, etag=etag)
        return (await self._call(self._submissions.CancelBatch, request)).batch

    async def retry(
        self, batch_id: Id, *, report_ids: Iterable[Id] = (), request_id: Id | None = None, etag: str = ""
    ) -> Batch:
        """Start a new execution over what did not succeed and return the batch; see `ReportsClient.retry`."""
        request = _requests.retry_batch(batch_id, report_ids, request_id, etag)
        return (await self._call(self._submissions.RetryBatch, request)).batch

    async def get_batch(
        self, batch_id: Id, task_id: Id | None = None, *, view: BatchView.ValueType = BATCH_VIEW_UNSPECIFIED
    ) -> Batch:
        """Return a batch; see `ReportsClient.get_batch`."""
        request = GetBatchRequest(batch_id=str(batch_id), task_id=_requests.optional_id(task_id), view=view)
        return (await self._call(self._statuses.GetBatch, request)).batch

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
        while True:
            page = await self._call(self._statuses.ListBatches, request)
            for batch in page.batches:
                yield batch
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

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
        while True:
            page = await self._call(self._statuses.ListBatchItems, request)
            for item in page.items:
                yield item
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

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
        while True:
            page = await self._call(self._statuses.ListBatchResults, request)
            for result in page.results:
                yield result
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def watch(
        self,
        batch_id: Id,
        task_id: Id | None = None,
        after_sequence: int | None = None,
        heartbeat_interval: timedelta | None = None,
        *,
        exclude_item_events: bool = False,
        on_interruption: Callable[[ReportsError], None] | None = None,
    ) -> AsyncGenerator[BatchEvent, None]:
        """Yield the events of a batch until its execution is over; see `ReportsClient.watch`."""
        request = _requests.watch_batch(batch_id, task_id, after_sequence, heartbeat_interval, exclude_item_events)
        watch = Watch(request, timeout=self._timeout, reconnect_timeout=self._reconnect_timeout)
        while True:
            call = self._statuses.WatchBatch(watch.request())
            try:
                async for response in _messages(call, watch.silence_limit_seconds):
                    for event in watch.take(response):
                        yield event
                    watch.check()
                return
            except grpc.RpcError as failure:
                error = error_of(failure)
            except TimeoutError:
                error = watch.silent()
            except DataLossError as gap:
                error = gap
            finally:
                call.cancel()
            seconds = watch.wait_after(error)
            if on_interruption is not None:
                on_interruption(error)
            await asyncio.sleep(seconds)

    async def get_diagnostics(self) -> GetDiagnosticsResponse:
        """Return how the installation is; see `ReportsClient.get_diagnostics`."""
        try:
            return await self._diagnostics.GetDiagnostics(
                GetDiagnosticsRequest(), timeout=self._timeout.total_seconds()
            )
        except grpc.RpcError as failure:
            raise error_of(failure) from failure

    async def _call(self, method: aio.UnaryUnaryMultiCallable[_Request, _Response], request: _Request) -> _Response:
        return await self._try(lambda timeout: method(request, timeout=timeout))

    async def _try(self, attempt: Callable[[float], Awaitable[_Response]]) -> _Response:
        attempts = Attempts(self._timeout)
        while True:
            try:
                return await attempt(attempts.remaining())
            except grpc.RpcError as failure:
                error = error_of(failure)
            await asyncio.sleep(attempts.wait_after(error))


async def _messages(call: aio.UnaryStreamCall[_Request, _Response], limit_seconds: float) -> AsyncIterator[_Response]:
    """Yield the messages of a call until it ends.

    Raises: what the call raises; `TimeoutError` when nothing comes for `limit_seconds`.
    """
    while True:
        async with asyncio.timeout(limit_seconds):
            message = await call.read()
        if message is aio.EOF:
            return
        # `read` returns a message or `EOF`, which the stubs can only call an object.
        yield cast("_Response", message)
