"""What both live displays show in the same way; needs rich."""

from __future__ import annotations

from rich.text import Text

from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.summary import error_text
from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_FAILED,
    BATCH_ITEM_STATUS_RETRYING,
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_FAILED,
    BATCH_STATUS_PARTIALLY_COMPLETED,
    BatchItemChanged,
)

STYLES = {
    BATCH_STATUS_COMPLETED: "bold green",
    BATCH_STATUS_PARTIALLY_COMPLETED: "bold yellow",
    BATCH_STATUS_FAILED: "bold red",
    BATCH_STATUS_CANCELLED: "bold yellow",
}
"""How a batch looks that has ended so."""


def counters_markup(progress: BatchProgress) -> str:
    """Return the counters, in colours."""
    counters = progress.counters
    parts = [f"[green]{counters.successful} successful[/]", f"{counters.running} running"]
    if counters.failed:
        parts.insert(1, f"[red]{counters.failed} failed[/]")
    if counters.cancelled:
        parts.insert(-1, f"[yellow]{counters.cancelled} cancelled[/]")
    return "  ".join(parts)


def error_line(change: BatchItemChanged, progress: BatchProgress) -> Text | None:
    """Return what to say about a report that failed; None when it did not."""
    item = change.item
    if not item.HasField("error") or item.status not in {BATCH_ITEM_STATUS_FAILED, BATCH_ITEM_STATUS_RETRYING}:
        return None
    failed = item.status == BATCH_ITEM_STATUS_FAILED
    style, word = ("red", "failed") if failed else ("yellow", "will be tried again")
    return Text(f"{progress.name(item.report_id)} {word}: {error_text(item.error)}", style)
