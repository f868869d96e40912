"""The blocking client of the service."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar

import grpc

from fna.reports import _requests
from fna.reports._attempts import Attempts
from fna.reports._channel import OPTIONS, not_connected
from fna.reports._document import Content, Document
from fna.reports._requests import Id
from fna.reports._status import error_of
from fna.reports._submission import submitted_batch
from fna.reports._watch import Watch
from fna.reports._watchdog import Watchdog
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


class ReportsClient:
    """Submits batches of reports and follows their progress, blocking the calling thread.

    `target` is a gRPC target, `host:port` for example. Without `credentials` the connection is not encrypted. `timeout`
    bounds each call, all its attempts included: a call that finds the server away (UNAVAILABLE) is made again, with
    growing waits or the one that the server asks for. `reconnect_timeout` bounds how long a watch tries to continue
    after an interruption; None means for ever.

    A client holds one connection, may be used by several threads, and is closed by `close` or at the end of `with`.
    Every call raises a `ReportsError`; its documentation names the kinds that a caller may want to tell apart.

        with ReportsClient("127.0.0.1:50051") as client:
            report = client.upload("10k.htm", company_id=company_id("Acme"), report_type=REPORT_TYPE_10_K)
            batch = client.submit([report.report_id])
            for event in client.watch(batch.batch_id):
                print(event.sequence, event.WhichOneof("event"))
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
            self._channel = grpc.insecure_channel(target, OPTIONS)
        else:
            self._channel = grpc.secure_channel(target, credentials, OPTIONS)
        self._submissions = BatchSubmissionServiceStub(self._channel)
        self._statuses = BatchStatusServiceStub(self._channel)
        self._reports = ReportServiceStub(self._channel)
        self._diagnostics = DiagnosticsServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Calls and watches that still run fail."""
        self._channel.close()

    @property
    def channel(self) -> grpc.Channel:
        """The connection, for calls of other services that the server has, such as `grpc.health.v1.Health`."""
        return self._channel

    def connect(self, within: timedelta) -> None:
        """Wait until the connection is up, which calls otherwise do by themselves.

        Raises: `UnavailableError` when it is not in time.
        """
        ready = grpc.channel_ready_future(self._channel)
        try:
            ready.result(within.total_seconds())
        except grpc.FutureTimeoutError:
            ready.cancel()
            raise not_connected(self.target, within) from None

    def upload(
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
        """Upload a report and return it; content that the company already has returns the report that has it.

        `content` is a path, bytes or a binary stream (read to its end), at most 50 MiB. `fiscal_period` is `Q1 2024` to
        `Q4 2024` or `FY 2024`, `filing_date` is `YYYY-MM-DD`. `file_name` defaults to that of the path. The server
        finds out the format by itself; `content_type` is a hint.

        Raises: `OSError` when the file cannot be read; `InvalidRequestError`; `LimitExceededError` when the content is
        too large; `DataLossError` when it was damaged on the way.
        """
        document = Document.read(content)
        report = _requests.report(
            company_id,
            report_type,
            title=title,
            fiscal_period=fiscal_period,
            filing_date=filing_date,
            content_type=content_type,
            file_name=file_name or document.file_name,
        )
        response = self._try(lambda timeout: self._reports.UploadReport(document.messages(report), timeout=timeout))
        return response.report

    def register(
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
        """Register a report whose content the server fetches from `source_uri`, and return it.

        The URI lies under one of the storage roots that the operator configured. The other arguments are those of
        `upload` and `submit`.

        Raises: `InvalidRequestError`; `LimitExceededError`; `ConflictError` when `request_id` was used otherwise.
        """
        report = _requests.report(
            company_id,
            report_type,
            title=title,
            fiscal_period=fiscal_period,
            filing_date=filing_date,
            content_type=content_type,
            source_uri=source_uri,
        )
        return self._call(self._reports.RegisterReport, _requests.register_report(report, request_id)).report

    def get_report(self, report_id: Id) -> Report:
        """Return a report.

        Raises: `NotFoundError`.
        """
        return self._call(self._reports.GetReport, GetReportRequest(report_id=str(report_id))).report

    def list_reports(
        self,
        *,
        company_id: Id | None = None,
        statuses: Iterable[ReportStatus.ValueType] = (),
        page_size: int = 0,
    ) -> Iterator[Report]:
        """Yield the reports, newest first: those of a company, or with one of some statuses, or all.

        Pages are fetched as they are needed; `page_size` 0 leaves their size to the server.
        """
        request = _requests.list_reports(company_id, statuses, page_size)
        while True:
            page = self._call(self._reports.ListReports, request)
            yield from page.reports
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def get_analysis(self, report_id: Id, analysis_id: Id | None = None) -> ReportAnalysis:
        """Return an analysis of a report, by default the newest completed one.

        Raises: `NotFoundError`; `PreconditionError` while the first analysis is still running.
        """
        request = GetReportAnalysisRequest(report_id=str(report_id), analysis_id=_requests.optional_id(analysis_id))
        return self._call(self._reports.GetReportAnalysis, request).analysis

    def get_delta(self, report_id: Id, base_report_id: Id | None = None) -> NarrativeDelta:
        """Return how the narrative of a report differs from that of an earlier one, by default of the previous one.

        Raises: `NotFoundError`, also when there is no earlier report; `PreconditionError` while a first analysis is
        still running; `InvalidRequestError` when the other report is of another company.
        """
        request = GetNarrativeDeltaRequest(
            report_id=str(report_id), base_report_id=_requests.optional_id(base_report_id)
        )
        return self._call(self._reports.GetNarrativeDelta, request).delta

    def submit(
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
        """Submit reports for analysis and return the batch, without its items, at once.

        `request_id` makes repeated calls one submission; without it one is made for this call. `priority` is 0 to 9, 9
        first. Items that have not started within `execution_timeout` fail. When it is over, a signed webhook is sent to
        `webhook_url`; its receiver has `fna.reports.webhooks.verify`. `validate_only` checks and submits nothing: the
        batch then has no identifiers.

        Raises: `InvalidRequestError`; `NotFoundError` when any report does not exist, with the ids in its `metadata`;
        `ConflictError` when `request_id` was used for another submission; `LimitExceededError`.
        """
        request = _requests.submit_batch(
            report_ids, request_id, labels, priority, execution_timeout, webhook_url, validate_only
        )
        return submitted_batch(self._call(self._submissions.SubmitBatch, request))

    def cancel(self, batch_id: Id, *, reason: str = "", etag: str = "") -> Batch:
        """Request cancellation and return the batch, which may still be CANCELLING: watch it to see the end.

        `reason` is kept with the batch. With an `etag` the call fails unless the batch is still that version.

        Raises: `NotFoundError`; `PreconditionError` when the batch had finished; `ConflictError` for the etag.
        """
        request = CancelBatchRequest(batch_id=str(batch_id), reason=reason, etag=etag)
        return self._call(self._submissions.CancelBatch, request).batch

    def retry(
        self, batch_id: Id, *, report_ids: Iterable[Id] = (), request_id: Id | None = None, etag: str = ""
    ) -> Batch:
        """Start a new execution over the reports that did not succeed, or some of them; return the batch.

        It has the same `batch_id` and a new `task_id`. `request_id` makes repeated calls one retry; without it one is
        made for this call.

        Raises: `NotFoundError`; `PreconditionError` when the batch still runs or nothing is left to retry;
        `InvalidRequestError` when a report is not of this batch; `ConflictError`.
        """
        request = _requests.retry_batch(batch_id, report_ids, request_id, etag)
        return self._call(self._submissions.RetryBatch, request).batch

    def get_batch(
        self, batch_id: Id, task_id: Id | None = None, *, view: BatchView.ValueType = BATCH_VIEW_UNSPECIFIED
    ) -> Batch:
        """Return a batch: the present one, or as the execution `task_id` is or ended; by default with its items.

        Raises: `NotFoundError`.
        """
        request = GetBatchRequest(batch_id=str(batch_id), task_id=_requests.optional_id(task_id), view=view)
        return self._call(self._statuses.GetBatch, request).batch

    def list_batches(
        self,
        *,
        statuses: Iterable[BatchStatus.ValueType] = (),
        labels: Mapping[str, str] | None = None,
        batch_ids: Iterable[Id] = (),
        page_size: int = 0,
    ) -> Iterator[Batch]:
        """Yield the batches, newest first, without their items: those that meet all of the given conditions.

        Pages are fetched as they are needed; `page_size` 0 leaves their size to the server.
        """
        request = _requests.list_batches(statuses, labels, batch_ids, page_size)
        while True:
            page = self._call(self._statuses.ListBatches, request)
            yield from page.batches
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def list_items(
        self,
        batch_id: Id,
        *,
        task_id: Id | None = None,
        statuses: Iterable[BatchItemStatus.ValueType] = (),
        page_size: int = 0,
    ) -> Iterator[BatchItem]:
        """Yield the items of a batch in the order of submission, as they are or as the execution `task_id` left them.

        Pages are fetched as they are needed; `page_size` 0 leaves their size to the server.

        Raises: `NotFoundError`.
        """
        request = _requests.list_items(batch_id, task_id, statuses, page_size)
        while True:
            page = self._call(self._statuses.ListBatchItems, request)
            yield from page.items
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def list_results(
        self,
        batch_id: Id,
        *,
        task_id: Id | None = None,
        statuses: Iterable[BatchItemStatus.ValueType] = (),
        page_size: int = 0,
    ) -> Iterator[BatchResult]:
        """Yield the items of a batch with their reports and analyses, in the order of submission.

        May be called while the batch still runs: an item that did not succeed yet has no analysis. Pages are fetched as
        they are needed; `page_size` 0 leaves their size to the server.

        Raises: `NotFoundError`.
        """
        request = _requests.list_results(batch_id, task_id, statuses, page_size)
        while True:
            page = self._call(self._statuses.ListBatchResults, request)
            yield from page.results
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def watch(
        self,
        batch_id: Id,
        task_id: Id | None = None,
        after_sequence: int | None = None,
        heartbeat_interval: timedelta | None = None,
        *,
        exclude_item_events: bool = False,
        on_interruption: Callable[[ReportsError], None] | None = None,
    ) -> Generator[BatchEvent, None, None]:
        """Yield the events of a batch, each once and in order, until its execution is over.

        Without `after_sequence` the first event is a `snapshot` of the present; with it come all events after that one,
        0 being the whole history. `progress` events repeat a sequence and may be lost; heartbeats are not handed out.

        The watch continues by itself, after the last event that it handed out, when the server goes away, the
        connection breaks, or nothing came for three times `heartbeat_interval` (1 to 60 s, by default 15 s):
        `on_interruption` is told the cause each time. When the events in between are no longer kept, it starts again
        with a `snapshot`, which replaces all that was known before.

        Raises: `NotFoundError`; `OutOfRangeError` when `after_sequence` is after the newest event; `LimitExceededError`
        when there are too many watchers or this one reads too slowly; `UnavailableError` when the server does not
        answer within the client's `timeout` at first, or its `reconnect_timeout` later on; `DataLossError` when the
        server leaves out an event however often it is asked.
        """
        request = _requests.watch_batch(batch_id, task_id, after_sequence, heartbeat_interval, exclude_item_events)
        watch = Watch(request, timeout=self._timeout, reconnect_timeout=self._reconnect_timeout)
        while True:
            call = self._statuses.WatchBatch(watch.request())
            watchdog = Watchdog(call, watch.silence_limit_seconds)
            try:
                with watchdog:
                    for response in watchdog.messages():
                        yield from watch.take(response)
                        watch.check()
                return
            except grpc.RpcError as failure:
                error = watch.silent() if watchdog.barked else error_of(failure)
            except DataLossError as gap:
                error = gap
            finally:
                call.cancel()
            seconds = watch.wait_after(error)
            if on_interruption is not None:
                on_interruption(error)
            time.sleep(seconds)

    def get_diagnostics(self) -> GetDiagnosticsResponse:
        """Return how the server is, its database, the queues and the workers: what `fna-reports doctor` looks at.

        The server is asked once: that it or its database is away is what one wants to hear.

        Raises: `UnavailableError`; `ReportsError` with the code UNIMPLEMENTED from a server that is too old to tell.
        """
        try:
            return self._diagnostics.GetDiagnostics(GetDiagnosticsRequest(), timeout=self._timeout.total_seconds())
        except grpc.RpcError as failure:
            raise error_of(failure) from failure

    def _call(self, method: grpc.UnaryUnaryMultiCallable[_Request, _Response], request: _Request) -> _Response:
        return self._try(lambda timeout: method(request, timeout=timeout))

    def _try(self, attempt: Callable[[float], _Response]) -> _Response:
        attempts = Attempts(self._timeout)
        while True:
            try:
                return attempt(attempts.remaining())
            except grpc.RpcError as failure:
                error = error_of(failure)
            time.sleep(attempts.wait_after(error))
