"""The request messages of both clients."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from uuid import UUID, uuid4

from google.protobuf.duration_pb2 import Duration

from fna.reports.v1.batch_pb2 import BatchItemStatus, BatchStatus
from fna.reports.v1.batch_status_service_pb2 import (
    BatchFilter,
    ListBatchesRequest,
    ListBatchItemsRequest,
    ListBatchResultsRequest,
    WatchBatchesRequest,
    WatchBatchRequest,
)
from fna.reports.v1.batch_submission_service_pb2 import RetryBatchRequest, SubmitBatchRequest
from fna.reports.v1.report_pb2 import Report, ReportStatus, ReportType
from fna.reports.v1.report_service_pb2 import ListReportsRequest, RegisterReportRequest

Id = UUID | str


def submit_batch(
    report_ids: Iterable[Id],
    request_id: Id | None,
    labels: Mapping[str, str] | None,
    priority: int | None,
    execution_timeout: timedelta | None,
    webhook_url: str,
) -> SubmitBatchRequest:
    """Build the request for `SubmitBatch`."""
    return SubmitBatchRequest(
        report_ids=map(str, report_ids),
        request_id=_request_id(request_id),
        labels=labels or {},
        priority=priority,
        execution_timeout=_duration(execution_timeout),
        webhook_url=webhook_url,
    )


def retry_batch(batch_id: Id, report_ids: Iterable[Id], request_id: Id | None, etag: str) -> RetryBatchRequest:
    """Build the request for `RetryBatch`."""
    return RetryBatchRequest(
        batch_id=str(batch_id), report_ids=map(str, report_ids), request_id=_request_id(request_id), etag=etag
    )


def list_batches(
    statuses: Iterable[BatchStatus.ValueType],
    labels: Mapping[str, str] | None,
    batch_ids: Iterable[Id],
    page_size: int,
) -> ListBatchesRequest:
    """Build the request for the first page of `ListBatches`."""
    selection = BatchFilter(statuses=statuses, labels=labels or {}, batch_ids=map(str, batch_ids))
    return ListBatchesRequest(filter=selection, page_size=page_size)


def list_items(
    batch_id: Id, task_id: Id | None, statuses: Iterable[BatchItemStatus.ValueType], page_size: int
) -> ListBatchItemsRequest:
    """Build the request for the first page of `ListBatchItems`."""
    return ListBatchItemsRequest(
        batch_id=str(batch_id), task_id=optional_id(task_id), statuses=statuses, page_size=page_size
    )


def list_results(
    batch_id: Id, task_id: Id | None, statuses: Iterable[BatchItemStatus.ValueType], page_size: int
) -> ListBatchResultsRequest:
    """Build the request for the first page of `ListBatchResults`."""
    return ListBatchResultsRequest(
        batch_id=str(batch_id), task_id=optional_id(task_id), statuses=statuses, page_size=page_size
    )


def list_reports(
    company_id: Id | None, statuses: Iterable[ReportStatus.ValueType], page_size: int
) -> ListReportsRequest:
    """Build the request for the first page of `ListReports`."""
    return ListReportsRequest(company_id=optional_id(company_id), statuses=statuses, page_size=page_size)


def watch_batch(
    batch_id: Id,
    task_id: Id | None,
    after_sequence: int | None,
    heartbeat_interval: timedelta | None,
    exclude_item_events: bool,
) -> WatchBatchRequest:
    """Build the request for the first call of `WatchBatch`."""
    return WatchBatchRequest(
        batch_id=str(batch_id),
        task_id=optional_id(task_id),
        after_sequence=after_sequence,
        heartbeat_interval=_duration(heartbeat_interval),
        exclude_item_events=exclude_item_events,
    )


def watch_batches(
    statuses: Iterable[BatchStatus.ValueType],
    labels: Mapping[str, str] | None,
    batch_ids: Iterable[Id],
    heartbeat_interval: timedelta | None,
    exclude_item_events: bool,
) -> WatchBatchesRequest:
    """Build the request for the first call of `WatchBatches`."""
    return WatchBatchesRequest(
        filter=BatchFilter(statuses=statuses, labels=labels or {}, batch_ids=map(str, batch_ids)),
        heartbeat_interval=_duration(heartbeat_interval),
        exclude_item_events=exclude_item_events,
    )


def register_report(report: Report, request_id: Id | None) -> RegisterReportRequest:
    """Build the request for `RegisterReport`."""
    return RegisterReportRequest(report=report, request_id=_request_id(request_id))


def report(
    company_id: Id,
    report_type: ReportType.ValueType,
    *,
    title: str,
    fiscal_period: str,
    filing_date: str,
    content_type: str,
    file_name: str = "",
    source_uri: str = "",
) -> Report:
    """Build the report to upload or register."""
    return Report(
        company_id=str(company_id),
        report_type=report_type,
        title=title,
        fiscal_period=fiscal_period,
        filing_date=filing_date,
        content_type=content_type,
        file_name=file_name,
        source_uri=source_uri,
    )


def company_of(path: os.PathLike[str], company_id: Id | None) -> Id:
    """Return the company of a file to upload.

    Raises: `ValueError` when there is none.
    """
    if company_id is None:
        raise ValueError(f"{os.fspath(path)} is to be uploaded: give the company_id that it belongs to")
    return company_id


def optional_id(value: Id | None) -> str:
    """Return an id as the contract has it: empty when there is none."""
    return "" if value is None else str(value)


def _request_id(given: Id | None) -> str:
    # Made once per call and not per attempt: that is what makes the attempts of a call one submission.
    return str(given or uuid4())


def _duration(value: timedelta | None) -> Duration | None:
    if value is None:
        return None
    duration = Duration()
    duration.FromTimedelta(value)
    return duration
