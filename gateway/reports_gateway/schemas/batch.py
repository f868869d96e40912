"""The JSON of batches and their items."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from google.rpc import code_pb2, error_details_pb2
from google.rpc import status_pb2 as rpc_status_pb2

from fna.reports.v1 import batch_pb2
from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from reports_gateway.schemas.wire import BareEnum, ResponseModel, fraction, time

BATCH_STATUS = BareEnum(batch_pb2.BatchStatus)
ITEM_STATUS = BareEnum(batch_pb2.BatchItemStatus)

BatchStatus = Annotated[str | None, BATCH_STATUS.response_schema()]
ItemStatus = Annotated[str | None, ITEM_STATUS.response_schema()]


class ItemError(ResponseModel):
    """Why an attempt failed."""

    code: str
    reason: str | None
    message: str

    @classmethod
    def of(cls, message: rpc_status_pb2.Status) -> Self:
        info = error_details_pb2.ErrorInfo()
        for detail in message.details:
            if detail.Unpack(info):
                break
        return cls(code=_code_name(message.code), reason=info.reason or None, message=message.message)


class BatchItem(ResponseModel):
    """One report of a batch."""

    report_id: str
    status: ItemStatus
    position: int
    attempt_count: int
    analysis_id: str | None
    errors: list[ItemError]
    """Why the item failed, or why its last attempt did while it waits for another one."""
    next_attempt_at: datetime | None
    started_at: datetime | None
    processed_at: datetime | None
    step: str | None
    progress: float

    @classmethod
    def of(cls, message: batch_pb2.BatchItem) -> Self:
        return cls(
            report_id=message.report_id,
            status=ITEM_STATUS.name(message.status),
            position=message.position,
            attempt_count=message.attempt_count,
            analysis_id=message.analysis_id or None,
            errors=[ItemError.of(message.error)] if message.HasField("error") else [],
            next_attempt_at=time(message, "next_attempt_at"),
            started_at=time(message, "started_at"),
            processed_at=time(message, "processed_at"),
            step=message.step or None,
            progress=fraction(message.progress),
        )


class Batch(ResponseModel):
    """A set of reports submitted together for analysis."""

    batch_id: str | None
    """Null only in the answer to `validate_only`."""
    task_id: str | None
    """Identifier of the execution shown; each retry starts a new one."""
    status: BatchStatus
    total_reports: int
    successful: int
    failed: int
    cancelled: int
    running: int
    results: list[BatchItem]
    """The first 1,000 items in the order of submission; empty unless the view is `FULL`."""
    processed_at: datetime | None
    """When the execution reached a final status."""
    created_at: datetime | None
    updated_at: datetime | None
    started_at: datetime | None
    labels: dict[str, str]
    priority: int
    execution_count: int
    last_sequence: int
    """Sequence of the newest event; watching after it continues from exactly this answer."""
    etag: str | None

    @classmethod
    def of(cls, message: batch_pb2.Batch) -> Self:
        return cls(
            batch_id=message.batch_id or None,
            task_id=message.task_id or None,
            status=BATCH_STATUS.name(message.status),
            total_reports=message.total_reports,
            successful=message.successful,
            failed=message.failed,
            cancelled=message.cancelled,
            running=message.running,
            results=[BatchItem.of(item) for item in message.results],
            processed_at=time(message, "processed_at"),
            created_at=time(message, "created_at"),
            updated_at=time(message, "updated_at"),
            started_at=time(message, "started_at"),
            labels=dict(message.labels),
            priority=message.priority,
            execution_count=message.execution_count,
            last_sequence=message.last_sequence,
            etag=message.etag or None,
        )


class SubmittedBatch(Batch):
    """The answer to a submission."""

    unknown_report_ids: list[str]
    """Ids that belong to no report. Set only with `validate_only`; otherwise they fail the call."""

    @classmethod
    def of_submission(cls, message: submission_pb2.SubmitBatchResponse) -> Self:
        return cls(**dict(Batch.of(message.batch)), unknown_report_ids=list(message.unknown_report_ids))


class BatchPage(ResponseModel):
    """Batches, newest first, without their items."""

    batches: list[Batch]
    next_page_token: str | None

    @classmethod
    def of(cls, message: status_pb2.ListBatchesResponse) -> Self:
        return cls(
            batches=[Batch.of(batch) for batch in message.batches],
            next_page_token=message.next_page_token or None,
        )


class BatchItemPage(ResponseModel):
    """Items of a batch in the order of submission."""

    items: list[BatchItem]
    next_page_token: str | None
    last_sequence: int
    """Sequence of the newest event that these items include; watching after it continues from exactly here."""

    @classmethod
    def of(cls, message: status_pb2.ListBatchItemsResponse) -> Self:
        return cls(
            items=[BatchItem.of(item) for item in message.items],
            next_page_token=message.next_page_token or None,
            last_sequence=message.last_sequence,
        )


def _code_name(code: int) -> str:
    known = code_pb2.Code.DESCRIPTOR.values_by_number.get(code)
    return known.name if known else str(code)
