"""Statuses of batches, executions, items and reports, and the transitions between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BatchStatus(StrEnum):
    """Status of a batch, which is the status of its current execution."""

    PROCESSING = "PROCESSING"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    PARTIALLY_COMPLETED = "PARTIALLY_COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        return self not in {BatchStatus.PROCESSING, BatchStatus.CANCELLING}


class ItemStatus(StrEnum):
    """Status of one report of a batch."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    RETRYING = "RETRYING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        return not ITEM_TRANSITIONS[self]

    @property
    def waiting(self) -> bool:
        """True when no attempt is running and one is still to come."""
        return self in {ItemStatus.PENDING, ItemStatus.RETRYING}


class ReportStatus(StrEnum):
    """Status of a report's most recent analysis."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


ITEM_TRANSITIONS: dict[ItemStatus, frozenset[ItemStatus]] = {
    ItemStatus.PENDING: frozenset({ItemStatus.PROCESSING, ItemStatus.FAILED, ItemStatus.CANCELLED}),
    ItemStatus.PROCESSING: frozenset(
        {ItemStatus.RETRYING, ItemStatus.COMPLETED, ItemStatus.FAILED, ItemStatus.CANCELLED}
    ),
    ItemStatus.RETRYING: frozenset({ItemStatus.PROCESSING, ItemStatus.FAILED, ItemStatus.CANCELLED}),
    ItemStatus.COMPLETED: frozenset(),
    ItemStatus.FAILED: frozenset(),
    ItemStatus.CANCELLED: frozenset(),
}
"""What a status may become within one execution; a final status has no successors."""


@dataclass(frozen=True, slots=True)
class Counters:
    """How many of a batch's items have come how far."""

    total_reports: int
    successful: int = 0
    failed: int = 0
    cancelled: int = 0
    running: int = 0

    @property
    def settled(self) -> bool:
        """True when every item is final."""
        return self.successful + self.failed + self.cancelled == self.total_reports

    def after(self, previous: ItemStatus, status: ItemStatus, count: int = 1) -> Counters:
        """Return the counters after `count` items went from `previous` to `status`.

        Raises ValueError for a transition that does not exist.
        """
        if status not in ITEM_TRANSITIONS[previous]:
            raise ValueError(f"an item cannot go from {previous} to {status}")
        return Counters(
            total_reports=self.total_reports,
            successful=self.successful + count * (status is ItemStatus.COMPLETED),
            failed=self.failed + count * (status is ItemStatus.FAILED),
            cancelled=self.cancelled + count * (status is ItemStatus.CANCELLED),
            running=self.running + count * ((status is ItemStatus.PROCESSING) - (previous is ItemStatus.PROCESSING)),
        )

    def reopened(self, *, failed: int, cancelled: int) -> Counters:
        """Return the counters at the start of an execution that runs so many items again."""
        return Counters(
            total_reports=self.total_reports,
            successful=self.successful,
            failed=self.failed - failed,
            cancelled=self.cancelled - cancelled,
        )


def batch_status(counters: Counters, *, cancelling: bool) -> BatchStatus:
    """Return the status that follows from the counters of all items of the batch."""
    if not counters.settled:
        return BatchStatus.CANCELLING if cancelling else BatchStatus.PROCESSING
    if counters.successful == counters.total_reports:
        return BatchStatus.COMPLETED
    if counters.successful:
        return BatchStatus.PARTIALLY_COMPLETED
    return BatchStatus.FAILED if counters.failed else BatchStatus.CANCELLED


def report_status(item: ItemStatus, *, analysed_before: bool) -> ReportStatus:
    """Return what the status of an item makes of its report's status.

    A cancelled attempt says nothing about the report: it is as it was before.
    """
    match item:
        case ItemStatus.PROCESSING | ItemStatus.RETRYING:
            return ReportStatus.PROCESSING
        case ItemStatus.COMPLETED:
            return ReportStatus.COMPLETED
        case ItemStatus.FAILED:
            return ReportStatus.FAILED
        case ItemStatus.PENDING | ItemStatus.CANCELLED:
            return ReportStatus.COMPLETED if analysed_before else ReportStatus.PENDING
