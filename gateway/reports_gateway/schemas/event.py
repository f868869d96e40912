"""The JSON of a batch's events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from fna.reports.v1 import batch_pb2
from reports_gateway.schemas.batch import (
    BATCH_STATUS,
    ITEM_STATUS,
    Batch,
    BatchItem,
    BatchStatus,
    ItemError,
    ItemStatus,
)
from reports_gateway.schemas.wire import ResponseModel, fraction, time


class BatchCounters(ResponseModel):
    """Counters of a batch after a change."""

    total_reports: int
    successful: int
    failed: int
    cancelled: int
    running: int

    @classmethod
    def of(cls, message: batch_pb2.BatchCounters) -> Self:
        return cls(
            total_reports=message.total_reports,
            successful=message.successful,
            failed=message.failed,
            cancelled=message.cancelled,
            running=message.running,
        )


class BatchStatusChanged(ResponseModel):
    """The batch changed its status."""

    previous_status: BatchStatus
    batch: Batch
    final: bool
    """True when this is the last event of the execution."""

    @classmethod
    def of(cls, message: batch_pb2.BatchStatusChanged) -> Self:
        return cls(
            previous_status=BATCH_STATUS.name(message.previous_status),
            batch=Batch.of(message.batch),
            final=message.final,
        )


class BatchItemChanged(ResponseModel):
    """One item changed."""

    previous_status: ItemStatus
    item: BatchItem
    counters: BatchCounters

    @classmethod
    def of(cls, message: batch_pb2.BatchItemChanged) -> Self:
        return cls(
            previous_status=ITEM_STATUS.name(message.previous_status),
            item=BatchItem.of(message.item),
            counters=BatchCounters.of(message.counters),
        )


class BatchItemsChanged(ResponseModel):
    """Many items changed to the same status at once."""

    status: ItemStatus
    positions: list[int]
    counters: BatchCounters
    errors: list[ItemError]
    """Why, when they failed."""

    @classmethod
    def of(cls, message: batch_pb2.BatchItemsChanged) -> Self:
        return cls(
            status=ITEM_STATUS.name(message.status),
            positions=list(message.positions),
            counters=BatchCounters.of(message.counters),
            errors=[ItemError.of(message.error)] if message.HasField("error") else [],
        )


class BatchItemProgress(ResponseModel):
    """How far the attempt of one item is; not stored and not replayed."""

    report_id: str
    position: int
    attempt_count: int
    step: str | None
    fraction: float

    @classmethod
    def of(cls, message: batch_pb2.BatchItemProgress) -> Self:
        return cls(
            report_id=message.report_id,
            position=message.position,
            attempt_count=message.attempt_count,
            step=message.step or None,
            fraction=fraction(message.fraction),
        )


class BatchEvent(ResponseModel):
    """One event; of the last five fields the one that the event's name says is present, the others are not."""

    batch_id: str
    sequence: int
    occurred_at: datetime | None
    snapshot: Batch | None = None
    status_changed: BatchStatusChanged | None = None
    item_changed: BatchItemChanged | None = None
    items_changed: BatchItemsChanged | None = None
    progress: BatchItemProgress | None = None


class EventPage(ResponseModel):
    """The events of one batch that a poll found."""

    events: list[BatchEvent]
    last_sequence: int | None
    """`after_sequence` of the next poll; null when nothing is known yet."""
    final: bool
    """True when the execution is over and nothing will follow."""


class BatchesEventPage(ResponseModel):
    """The events of many batches that a poll found."""

    events: list[BatchEvent]
    resume_token: str | None
    """`resume_token` of the next poll; null when nothing is known yet."""


def event_of(message: batch_pb2.BatchEvent) -> BatchEvent | None:
    """Return the event; None for a kind that has no JSON: a heartbeat, or one unknown here."""
    payload: ResponseModel
    kind = message.WhichOneof("event")
    match kind:
        case "snapshot":
            payload = Batch.of(message.snapshot)
        case "status_changed":
            payload = BatchStatusChanged.of(message.status_changed)
        case "item_changed":
            payload = BatchItemChanged.of(message.item_changed)
        case "items_changed":
            payload = BatchItemsChanged.of(message.items_changed)
        case "progress":
            payload = BatchItemProgress.of(message.progress)
        case _:
            return None
    fields: dict[str, Any] = {
        "batch_id": message.batch_id,
        "sequence": message.sequence,
        "occurred_at": time(message, "occurred_at"),
        kind: payload,
    }
    return BatchEvent(**fields)


def events_of(messages: Iterable[batch_pb2.BatchEvent]) -> list[BatchEvent]:
    return [event for event in map(event_of, messages) if event is not None]
