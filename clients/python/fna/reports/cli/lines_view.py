"""The progress of batches as plain lines, for pipes and logs."""

from __future__ import annotations

import sys

from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.names import bare_name
from fna.reports.cli.summary import counters_text, end_lines, error_text, interruption_text
from fna.reports.cli.view import View
from fna.reports.errors import ReportsError
from fna.reports.v1.batch_pb2 import BatchEvent, BatchItemChanged, BatchItemStatus, BatchStatus


class LinesView(View):
    """Prints a line for every event but `progress`: time, sequence, what happened, and the counters after it.

    `with_batch` is for many batches: each line names its batch.
    """

    def __init__(self, *, with_batch: bool = False) -> None:
        self._with_batch = with_batch

    def show(self, event: BatchEvent, progress: BatchProgress) -> None:
        what = _what_happened(event, progress)
        if what:
            time = event.occurred_at.ToDatetime().isoformat(sep=" ", timespec="seconds")
            batch = f"{event.batch_id}  " if self._with_batch else ""
            print(f"{time}Z  {batch}#{event.sequence}  {what}  ({counters_text(progress.counters)})", flush=True)

    def interrupted(self, error: ReportsError) -> None:
        print(interruption_text(error), file=sys.stderr, flush=True)

    def finish(self, progress: BatchProgress) -> None:
        print("\n".join(end_lines(progress)), flush=True)


def _what_happened(event: BatchEvent, progress: BatchProgress) -> str:
    match event.WhichOneof("event"):
        case "snapshot" | "status_changed":
            return f"batch {bare_name(BatchStatus.DESCRIPTOR, progress.status)}"
        case "item_changed":
            return _item_text(event.item_changed, progress)
        case "items_changed":
            change = event.items_changed
            return f"{len(change.positions)} reports {bare_name(BatchItemStatus.DESCRIPTOR, change.status)}"
    return ""


def _item_text(change: BatchItemChanged, progress: BatchProgress) -> str:
    item = change.item
    text = f"{progress.name(item.report_id)} {bare_name(BatchItemStatus.DESCRIPTOR, item.status)}"
    return f"{text}, {error_text(item.error)}" if item.HasField("error") else text
