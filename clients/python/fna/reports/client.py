"""The blocking client of the service."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar

import grpc

from fna.reports import _requests
from fna.reports._connection import Connection, OnInterruption
from fna.reports._document import Content, Document, OnProgress
from fna.reports._identity import Identity, Metadata, Token
from fna.reports._paging import Page, Paged
from fna.reports._requests import Id
from fna.reports._submission import require_known
from fna.reports._watch import Watch
from fna.reports._watch_batches import BatchesWatch
from fna.reports.handle import BatchHandle
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


class ReportsClient:
    """Submits batches of reports and follows their progress, blocking the calling thread.

    `target` is a gRPC target, `host:port` for example. Without `credentials` (see `tls_credentials`) the connection is
    not encrypted. `token` (or a function that returns one; what it raises ends the call) and `api_key` are sent with
    every call; over a connection that is not encrypted, and leads to another machine, only with
    `allow_plaintext_secrets`. `timeout` bounds each call, all its attempts included: a call that finds the server away
    (UNAVAILABLE) is made again, with growing waits or the one that the server asks for. `reconnect_timeout` bounds how
    long a watch tries to continue after an interruption; None means for ever.

    A client holds one connection, may be used by several threads, and is closed by `close` or at the end of `with`.
    Every call raises a `ReportsError`; its documentation names the kinds that a caller may want to tell apart.

    >>> from pathlib import Path
    >>> from fna.reports import ReportsClient, company_id
    >>> with ReportsClient("127.0.0.1:50051") as client:
    ...     batch = client.submit([Path("letter.txt")], company_id=company_id("Acme"))
    ...     for event in batch.events():
    ...         print(event.WhichOneof("event"))
    ...     for result in batch.result().results:
    ...         print(f"optimism {result.analysis.optimism.value:.2f}")
    item_changed
    ...
    status_changed
    optimism 0.90

    Raises: `ValueError` when a secret would go unencrypted to another machine.
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
        self._connection = Connection(target, credentials, identity, timeout, reconnect_timeout)
        self._submissions = BatchSubmissionServiceStub(self._connection.channel)
        self._statuses = BatchStatusServiceStub(self._connection.channel)
        self._reports = ReportServiceStub(self._connection.channel)
        self._diagnostics = DiagnosticsServiceStub(self._connection.channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Calls and watches that still run, or are made later, raise `ReportsError`."""
        self._connection.close()

    @property
    def channel(self) -> grpc.Channel:
        """The connection, for calls of other services that the server has, such as `grpc.health.v1.Health`.

        They want the token or API key as `metadata=client.metadata()`.
        """
        return self._connection.channel

    def metadata(self) -> Metadata:
        """Return what tells a server who calls: the token or API key, nothing when there is none."""
        return self._connection.metadata()

    def connect(self, within: timedelta) -> None:
        """Wait until the connection is up, which calls otherwise do by themselves.

        Raises: `UnavailableError` when it is not in time.
        """
        self._connection.connect(within)

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
        on_progress: OnProgress | None = None,
    ) -> Report:
        """Upload a report and return it; content that the company already has returns the report that has it.

        `content` is a path, bytes or a binary stream (read to its end), at most 50 MiB. `fiscal_period` is `Q1 2024` to
        `Q4 2024` or `FY 2024`, `filing_date` is `YYYY-MM-DD`. `file_name` defaults to that of the path. The server
        finds out the format by itself; `content_type` is a hint. `on_progress` is told, in another thread, the bytes
        on their way so far and how many there are; another attempt begins at 0 again.

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
        response = self._connection.attempt(
            lambda timeout, metadata: self._reports.UploadReport(
                document.messages(report, on_progress), timeout=timeout, metadata=metadata
            )
        )
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
        return self._connection.call(self._reports.RegisterReport, _requests.register_report(report, request_id)).report

    def get_report(self, report_id: Id) -> Report:
        """Return a report.

        Raises: `NotFoundError`.
        """
        return self._connection.call(self._reports.GetReport, GetReportRequest(report_id=str(report_id))).report

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
        for page in self._pages(self._reports.ListReports, request):
            yield from page.reports

    def get_analysis(self, report_id: Id, analysis_id: Id | None = None) -> ReportAnalysis:
        """Return an analysis of a report, by default the newest completed one.

        Raises: `NotFoundError`; `PreconditionError` while the first analysis is still running.
        """
        request = GetReportAnalysisRequest(report_id=str(report_id), analysis_id=_requests.optional_id(analysis_id))
        return self._connection.call(self._reports.GetReportAnalysis, request).analysis

    def get_delta(self, report_id: Id, base_report_id: Id | None = None) -> NarrativeDelta:
        """Return how the narrative of a report differs from that of an earlier one, by default of the previous one.

        Raises: `NotFoundError`, also when there is no earlier report; `PreconditionError` while a first analysis is
        still running; `InvalidRequestError` when the other report is of another company.
        """
        request = GetNarrativeDeltaRequest(
            report_id=str(report_id), base_report_id=_requests.optional_id(base_report_id)
        )
        return self._connection.call(self._reports.GetNarrativeDelta, request).delta

    def submit(
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
    ) -> BatchHandle:
        """Submit reports for analysis and return a handle of the batch at once.

        A report is the id of one that the server has, or the `Path` of a file to upload first, as a report of
        `company_id` and `report_type`; to give each file its own, `upload` them and submit their ids.

        `request_id` makes repeated calls one submission; without it one is made for this call. `priority` is 0 to 9, 9
        first. Items that have not started within `execution_timeout` fail. When it is over, a signed webhook is sent to
        `webhook_url`; its receiver has `fna.reports.webhooks.verify`.

        Raises: `InvalidRequestError`; `NotFoundError` when any report does not exist, with the ids in its `metadata`;
        `ConflictError` when `request_id` was used for another submission; `LimitExceededError`; what `upload` raises,
        and then nothing was submitted; `ValueError` when there are files and no `company_id`.
        """
        report_ids = []
        for report in reports:
            report_id = self._report_id(report, company_id, report_type)
            # The same content twice is one report.
            if not isinstance(report, os.PathLike) or report_id not in report_ids:
                report_ids.append(report_id)
        request = _requests.submit_batch(report_ids, request_id, labels, priority, execution_timeout, webhook_url)
        return BatchHandle(self, self._connection.call(self._submissions.SubmitBatch, request).batch)

    def validate(
        self,
        report_ids: Iterable[Id],
        *,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        execution_timeout: timedelta | None = None,
        webhook_url: str = "",
    ) -> None:
        """Check a submission without submitting anything; the arguments are those of `submit`.

        Raises: what `submit` would; a `NotFoundError` has all unknown ids in `metadata["report_ids"]`, not only the
        first 100.
        """
        request = _requests.submit_batch(report_ids, None, labels, priority, execution_timeout, webhook_url)
        request.validate_only = True
        require_known(self._connection.call(self._submissions.SubmitBatch, request))

    def batch(self, batch_id: Id, task_id: Id | None = None) -> BatchHandle:
        """Return a handle of a batch that was submitted before: of its present execution, or of the one `task_id`.

        Raises: `NotFoundError`.
        """
        return BatchHandle(self, self.get_batch(batch_id, task_id, view=BATCH_VIEW_BASIC))

    def cancel(self, batch_id: Id, *, reason: str = "", etag: str = "") -> Batch:
        """Request cancellation and return the batch, which may still be CANCELLING: watch it to see the end.

        `reason` is kept with the batch. With an `etag` the call fails unless the batch is still that version.

        Raises: `NotFoundError`; `PreconditionError` when the batch had finished; `ConflictError` for the etag.
        """
        request = CancelBatchRequest(batch_id=str(batch_id), reason=reason, etag=etag)
        return self._connection.call(self._submissions.CancelBatch, request).batch

    def retry(
        self, batch_id: Id, *, report_ids: Iterable[Id] = (), request_id: Id | None = None, etag: str = ""
    ) -> BatchHandle:
        """Start a new execution over the reports that did not succeed, or some of them; return its handle.

        It has the same `batch_id` and a new `task_id`. `request_id` makes repeated calls one retry; without it one is
        made for this call.

        Raises: `NotFoundError`; `PreconditionError` when the batch still runs or nothing is left to retry;
        `InvalidRequestError` when a report is not of this batch; `ConflictError`.
        """
        request = _requests.retry_batch(batch_id, report_ids, request_id, etag)
        return BatchHandle(self, self._connection.call(self._submissions.RetryBatch, request).batch)

    def get_batch(
        self, batch_id: Id, task_id: Id | None = None, *, view: BatchView.ValueType = BATCH_VIEW_UNSPECIFIED
    ) -> Batch:
        """Return a batch: the present one, or as the execution `task_id` is or ended; by default with its items.

        Raises: `NotFoundError`.
        """
        request = GetBatchRequest(batch_id=str(batch_id), task_id=_requests.optional_id(task_id), view=view)
        return self._connection.call(self._statuses.GetBatch, request).batch

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
        for page in self._pages(self._statuses.ListBatches, request):
            yield from page.batches

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
        for page in self._pages(self._statuses.ListBatchItems, request):
            yield from page.items

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
        for page in self._pages(self._statuses.ListBatchResults, request):
            yield from page.results

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
    ) -> Generator[BatchEvent, None, None]:
        """Yield the events of a batch, each once and in order, until its execution is over.

        Without `task_id` that is the execution which is current when the first event is asked for. Without
        `after_sequence` the first event is a `snapshot` of the present; with it come all events after that one, 0 being
        the whole history. `progress` events repeat a sequence and may be lost; heartbeats are not handed out.

        The watch continues by itself, after the last event that it handed out, when the server goes away, the
        connection breaks, or nothing came for three times `heartbeat_interval` (1 to 60 s, by default 15 s):
        `on_interruption` is told the cause each time. When the events in between are no longer kept, it starts again
        with a `snapshot`, which replaces all that was known before.

        Raises: `NotFoundError`; `OutOfRangeError` when `after_sequence` is after the newest event; `LimitExceededError`
        when there are too many watchers or this one reads too slowly; `UnavailableError` when the server does not
        answer within the client's `timeout` at first, or its `reconnect_timeout` later on; `DeadlineExceededError` when
        the batch is not over `within` this time; `DataLossError` when the server leaves out an event however often it
        is asked.
        """
        request = _requests.watch_batch(batch_id, task_id, after_sequence, heartbeat_interval, exclude_item_events)

        def begin() -> Watch:
            interruptions = self._connection.interruptions(within)
            if after_sequence is not None and task_id is None:
                # No snapshot will tell which execution this is, and the batch may be retried while the watch is cut.
                current = GetBatchRequest(batch_id=request.batch_id, view=BATCH_VIEW_BASIC)
                request.task_id = self._connection.call(self._statuses.GetBatch, current, within).batch.task_id
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
    ) -> Generator[BatchEvent, None, None]:
        """Yield the events of all batches that meet the given conditions, also of those submitted later, without end.

        It begins with a `snapshot` of every such batch that is not over. The events of one batch come in order, each
        once; the watch continues by itself as that of one batch does. When the events in between are no longer kept, it
        starts again with snapshots.

        Raises: `InvalidRequestError`; `LimitExceededError`, `UnavailableError` and `DeadlineExceededError` as `watch`.
        """
        request = _requests.watch_batches(statuses, labels, batch_ids, heartbeat_interval, exclude_item_events)
        return self._connection.follow(
            self._statuses.WatchBatches,
            lambda: BatchesWatch(request, self._connection.interruptions(within)),
            on_interruption,
        )

    def get_webhook_settings(self) -> WebhookSettings:
        """Return where the webhooks of batches go that were submitted without a URL of their own."""
        return self._connection.call(self._submissions.GetWebhookSettings, GetWebhookSettingsRequest()).settings

    def set_webhook_url(self, url: str) -> WebhookSettings:
        """Set where webhooks go from now on unless a batch says otherwise, empty for nowhere; return the settings.

        Raises: `PreconditionError` before the first `rotate_webhook_secret`; `InvalidRequestError`.
        """
        request = UpdateWebhookSettingsRequest(url=url)
        return self._connection.call(self._submissions.UpdateWebhookSettings, request).settings

    def rotate_webhook_secret(self) -> RotateWebhookSecretResponse:
        """Make a new secret, the first one included, and return it, this once, with the settings.

        For 24 hours webhooks are signed with the previous one too. The call is not made again by itself when the server
        is away: two new secrets would leave nothing of the one in use.
        """
        return self._connection.call_once(self._submissions.RotateWebhookSecret, RotateWebhookSecretRequest())

    def list_webhook_deliveries(self, batch_id: Id) -> list[WebhookDelivery]:
        """Return the webhooks of a batch, newest first: one for each execution that was over while it had a URL.

        Raises: `NotFoundError`.
        """
        request = ListWebhookDeliveriesRequest(batch_id=str(batch_id))
        return list(self._connection.call(self._statuses.ListWebhookDeliveries, request).deliveries)

    def redeliver_webhook(self, batch_id: Id, delivery_id: Id) -> WebhookDelivery:
        """Deliver a webhook again, now, whatever its status, and return it.

        Raises: `NotFoundError`.
        """
        request = RedeliverWebhookRequest(batch_id=str(batch_id), delivery_id=str(delivery_id))
        return self._connection.call(self._submissions.RedeliverWebhook, request).delivery

    def get_diagnostics(self) -> GetDiagnosticsResponse:
        """Return how the server is, its database, the queues and the workers: what `fna-reports doctor` looks at.

        The server is asked once: that it or its database is away is what one wants to hear.

        Raises: `UnavailableError`; `ReportsError` with the code UNIMPLEMENTED from a server that is too old to tell.
        """
        return self._connection.call_once(self._diagnostics.GetDiagnostics, GetDiagnosticsRequest())

    def _report_id(self, report: Id | os.PathLike[str], company_id: Id | None, report_type: ReportType.ValueType) -> Id:
        if not isinstance(report, os.PathLike):
            return report
        return self.upload(
            report, company_id=_requests.company_of(report, company_id), report_type=report_type
        ).report_id

    def _pages(self, method: grpc.UnaryUnaryMultiCallable[_Request, _Page], request: _Request) -> Iterator[_Page]:
        """Yield the pages of a list, each fetched when it is asked for."""
        while True:
            page = self._connection.call(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
