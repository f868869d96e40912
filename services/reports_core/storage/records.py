"""Rows of the application's tables as values, and their JSON form in events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.dialects.postgresql import JSONB

from reports_core.domain.analysis import ReportAnalysis
from reports_core.domain.batch import BatchStatus, Counters, ItemStatus, ReportStatus

JSON_COLUMNS = {"labels": JSONB, "data": JSONB, "document": JSONB}
"""Types of the JSON columns, for `text(...).columns(...)`: the two drivers return them differently."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """A row of `batches`; times are aware, `labels` is text to text."""

    batch_id: UUID
    owner: str
    request_fingerprint: str | None
    task_id: UUID
    status: BatchStatus
    counters: Counters
    labels: dict[str, str]
    priority: int
    execution_timeout: timedelta | None
    execution_count: int
    last_sequence: int
    oldest_sequence: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    processed_at: datetime | None
    webhook_url: str | None = None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(
            batch_id=row.batch_id,
            owner=row.owner,
            request_fingerprint=row.request_fingerprint,
            task_id=row.task_id,
            status=BatchStatus(row.status),
            counters=Counters(row.total_reports, row.successful, row.failed, row.cancelled, row.running),
            labels=row.labels,
            priority=row.priority,
            execution_timeout=row.execution_timeout,
            execution_count=row.execution_count,
            last_sequence=row.last_sequence,
            oldest_sequence=row.oldest_sequence,
            created_at=row.created_at,
            updated_at=row.updated_at,
            started_at=row.started_at,
            processed_at=row.processed_at,
            webhook_url=row.webhook_url,
        )

    @property
    def etag(self) -> str:
        """Every change of a batch has an event, so the newest sequence is its version."""
        return f"{self.execution_count}.{self.last_sequence}"

    def to_json(self) -> Json:
        return {
            "task_id": str(self.task_id),
            "status": self.status,
            "labels": self.labels,
            "priority": self.priority,
            "execution_count": self.execution_count,
            "last_sequence": self.last_sequence,
            "etag": self.etag,
            "created_at": _time(self.created_at),
            "updated_at": _time(self.updated_at),
            "started_at": _time(self.started_at),
            "processed_at": _time(self.processed_at),
            **counters_to_json(self.counters),
        }


@dataclass(frozen=True, slots=True)
class Item:
    """A row of `batch_items`, or of `execution_items` for an execution that is over."""

    position: int
    report_id: UUID
    status: ItemStatus
    attempt: int
    failures: int = 0
    lost_workers: int = 0
    analysis_id: UUID | None = None
    error_reason: str | None = None
    error_message: str | None = None
    step: str | None = None
    progress: float | None = None
    next_attempt_at: datetime | None = None
    started_at: datetime | None = None
    processed_at: datetime | None = None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(
            position=row.position,
            report_id=row.report_id,
            status=ItemStatus(row.status),
            attempt=row.attempt,
            failures=row.failures,
            lost_workers=row.lost_workers,
            analysis_id=row.analysis_id,
            error_reason=row.error_reason,
            error_message=row.error_message,
            step=row.step,
            progress=row.progress,
            next_attempt_at=row.next_attempt_at,
            started_at=row.started_at,
            processed_at=row.processed_at,
        )

    def to_json(self) -> Json:
        return {
            "position": self.position,
            "report_id": str(self.report_id),
            "status": self.status,
            "attempt_count": self.attempt,
            "analysis_id": str(self.analysis_id) if self.analysis_id else None,
            "error_reason": self.error_reason,
            "error_message": self.error_message,
            "next_attempt_at": _time(self.next_attempt_at),
            "started_at": _time(self.started_at),
            "processed_at": _time(self.processed_at),
        }


@dataclass(frozen=True, slots=True)
class Event:
    """A row of `batch_events`; `data` has the fields of the event's message in the contract.

    `xact` is the transaction that stored it, and `status` that of the batch after it: 0 and None where a release wrote
    it that knew neither.
    """

    sequence: int
    kind: str
    status: BatchStatus | None
    data: Json
    occurred_at: datetime
    xact: int

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        status = BatchStatus(row.status) if row.status else None
        return cls(row.sequence, row.kind, status, row.data, row.occurred_at, row.xact)


@dataclass(frozen=True, slots=True)
class Report:
    """A row of `reports`; sizes in bytes."""

    report_id: UUID
    company_id: UUID
    report_type: str
    title: str
    file_name: str
    source_uri: str
    fiscal_period: str
    filing_date: date | None
    content_type: str
    content_size_bytes: int
    content_sha256: str
    status: ReportStatus
    latest_analysis_id: UUID | None
    request_fingerprint: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(
            report_id=row.report_id,
            company_id=row.company_id,
            report_type=row.report_type,
            title=row.title,
            file_name=row.file_name,
            source_uri=row.source_uri,
            fiscal_period=row.fiscal_period,
            filing_date=row.filing_date,
            content_type=row.content_type,
            content_size_bytes=row.content_size_bytes,
            content_sha256=row.content_sha256,
            status=ReportStatus(row.status),
            latest_analysis_id=row.latest_analysis_id,
            request_fingerprint=row.request_fingerprint,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


@dataclass(frozen=True, slots=True)
class StoredAnalysis:
    """A row of `report_analyses`."""

    analysis_id: UUID
    report_id: UUID
    analysis: ReportAnalysis
    processing_time: timedelta
    completed_at: datetime


def counters_to_json(counters: Counters) -> Json:
    """Return the fields of `BatchCounters`."""
    return {
        "total_reports": counters.total_reports,
        "successful": counters.successful,
        "failed": counters.failed,
        "cancelled": counters.cancelled,
        "running": counters.running,
    }


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
