"""The present of a batch, folded from its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_PROCESSING,
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_FAILED,
    BATCH_STATUS_PARTIALLY_COMPLETED,
    BATCH_STATUS_UNSPECIFIED,
    Batch,
    BatchCounters,
    BatchEvent,
    BatchItemChanged,
    BatchItemProgress,
    BatchItemsChanged,
    BatchStatus,
)

_FINAL = frozenset(
    {BATCH_STATUS_COMPLETED, BATCH_STATUS_PARTIALLY_COMPLETED, BATCH_STATUS_FAILED, BATCH_STATUS_CANCELLED}
)


@dataclass(slots=True)
class RunningReport:
    """A report that is being analysed, as far as its events told."""

    position: int | None
    step: str
    fraction: float


class BatchProgress:
    """What is known of a batch after the events so far.

    `running` has the reports that are being analysed, by id, those that started first coming first. `names` gives
    reports a name for people. `last_sequence` is that of the newest event, `shown_sequence` that of the
    newest one that was shown.
    """

    def __init__(self, batch_id: str, names: Mapping[str, str] | None = None) -> None:
        self.batch_id = batch_id
        self.status: BatchStatus.ValueType = BATCH_STATUS_UNSPECIFIED
        self.counters = BatchCounters()
        self.running: dict[str, RunningReport] = {}
        self.labels: dict[str, str] = {}
        self.last_sequence: int | None = None
        self.shown_sequence: int | None = None
        self._names = names or {}
        self._over: set[str] = set()

    @property
    def is_final(self) -> bool:
        """Whether the execution is over."""
        return self.status in _FINAL

    @property
    def processed(self) -> int:
        """Number of reports that are final."""
        return self.counters.successful + self.counters.failed + self.counters.cancelled

    def name(self, report_id: str) -> str:
        """Return what to call a report: its name where one is known, else its id."""
        return self._names.get(report_id, report_id)

    def apply(self, event: BatchEvent) -> None:
        """Take in an event; one of an unknown kind counts for its sequence alone."""
        match event.WhichOneof("event"):
            case "snapshot":
                self.running.clear()
                self._over.clear()
                self.take(event.snapshot)
            case "status_changed":
                self.take(event.status_changed.batch)
            case "item_changed":
                self._item_changed(event.item_changed)
            case "items_changed":
                self._items_changed(event.items_changed)
            case "progress":
                self._moved_on(event.progress)
                return
        self.last_sequence = event.sequence

    def take(self, batch: Batch) -> None:
        """Take in the batch as the service returned it."""
        self.status = batch.status
        self.labels = dict(batch.labels)
        self.counters = BatchCounters(
            total_reports=batch.total_reports,
            successful=batch.successful,
            failed=batch.failed,
            cancelled=batch.cancelled,
            running=batch.running,
        )

    def _item_changed(self, change: BatchItemChanged) -> None:
        item = change.item
        self.counters = change.counters
        if item.status == BATCH_ITEM_STATUS_PROCESSING:
            self._over.discard(item.report_id)
            self.running[item.report_id] = RunningReport(item.position, item.step, item.progress)
        else:
            self._over.add(item.report_id)
            self.running.pop(item.report_id, None)

    def _items_changed(self, change: BatchItemsChanged) -> None:
        self.counters = change.counters
        if change.status == BATCH_ITEM_STATUS_PROCESSING:
            return
        positions = set(change.positions)
        for report_id in [key for key, report in self.running.items() if report.position in positions]:
            self._over.add(report_id)
            del self.running[report_id]

    def _moved_on(self, progress: BatchItemProgress) -> None:
        """Note the step of a report, unless this is news of an attempt that is over by now."""
        if progress.report_id in self._over:
            return
        report = self.running.setdefault(progress.report_id, RunningReport(None, "", 0.0))
        report.step = progress.step
        report.fraction = progress.fraction
