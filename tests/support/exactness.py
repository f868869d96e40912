"""What must hold for every batch that is over, whatever happened to the processes on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fna.reports.v1.batch_pb2 import Batch, BatchEvent
from tests.support.stack import Stack


def require_exact(stack: Stack, batch: Batch) -> None:
    """Require one analysis for each success, counters that are those of the items, and a history without a gap."""
    statuses = Counter(
        row["status"] for row in stack.rows("SELECT status FROM batch_items WHERE batch_id = %s", batch.batch_id)
    )
    assert statuses == +Counter(COMPLETED=batch.successful, FAILED=batch.failed, CANCELLED=batch.cancelled)
    assert (batch.running, sum(statuses.values())) == (0, batch.total_reports)
    analyses = "SELECT report_id, analysis_id FROM report_analyses WHERE task_id = %s"
    analysed = "SELECT report_id, analysis_id FROM batch_items WHERE batch_id = %s AND status = 'COMPLETED'"
    assert _pairs(stack.rows(analyses, batch.task_id)) == _pairs(stack.rows(analysed, batch.batch_id))
    stored = stack.rows("SELECT sequence FROM batch_events WHERE batch_id = %s ORDER BY sequence", batch.batch_id)
    assert [row["sequence"] for row in stored] == list(range(1, batch.last_sequence + 1))


def require_whole_history(events: Iterable[BatchEvent], batch: Batch) -> None:
    """Require that a watch from the beginning has seen every event once and in order, up to the final one."""
    seen = [event for event in events if event.WhichOneof("event") != "progress"]
    assert [event.sequence for event in seen] == list(range(1, batch.last_sequence + 1))
    assert seen[-1].status_changed.final
    assert seen[-1].status_changed.batch.successful == batch.successful


def _pairs(rows: Iterable[dict[str, object]]) -> list[tuple[str, str]]:
    return sorted((str(row["report_id"]), str(row["analysis_id"])) for row in rows)
