"""What never changes once it is stored: ends of items and executions, analyses, events."""

from __future__ import annotations

from collections.abc import Iterable

from fna.reports.v1.batch_pb2 import BatchEvent
from reports_core.storage.records import Batch
from reports_server import mapping
from tests.support.storage import Store

# An item that succeeded stays so in later executions too, so it has a key of its own.
_FINAL = """
    SELECT 'item ' || b.task_id || ' ' || i.position,
        CAST(ROW(i.status, i.attempt, i.analysis_id, i.error_reason, i.report_id) AS text)
    FROM batch_items i JOIN batches b USING (batch_id) WHERE i.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
    UNION ALL
    SELECT 'item ' || task_id || ' ' || position,
        CAST(ROW(status, attempt, analysis_id, error_reason, report_id) AS text)
    FROM execution_items
    UNION ALL
    SELECT 'success ' || batch_id || ' ' || position, CAST(ROW(attempt, analysis_id) AS text)
    FROM batch_items WHERE status = 'COMPLETED'
    UNION ALL
    SELECT 'execution ' || task_id,
        CAST(ROW(status, successful, failed, cancelled, first_sequence, final_sequence) AS text)
    FROM batch_executions WHERE processed_at IS NOT NULL
    UNION ALL
    SELECT 'analysis ' || analysis_id, CAST(ROW(report_id, task_id) AS text) FROM report_analyses
"""


class Finality:
    """Remembers everything final that it ever saw."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, str] = {}

    def require(self) -> None:
        """Require that all of it is as it was."""
        found = dict(self._store.rows(_FINAL))
        for what, was in self._known.items():
            assert found.get(what) == was, f"{what} was {was} and is {found.get(what)}"
        self._known = found


class Journal:
    """The events of the batches as a watcher should be told them, those that are compacted by now too."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: dict[str, dict[int, BatchEvent]] = {}

    def read(self, batches: Iterable[Batch]) -> None:
        """Note the events that are stored, and require that those known before are the same or gone."""
        for batch in batches:
            known = self._events.setdefault(str(batch.batch_id), {})
            for event in self._store.events(batch):
                message = mapping.event_message(str(batch.batch_id), event)
                assert known.setdefault(event.sequence, message) == message

    def of(self, batch_id: object) -> list[BatchEvent]:
        """Return all events of a batch in the order of their sequences."""
        known = self._events[str(batch_id)]
        return [known[sequence] for sequence in sorted(known)]

    def require_told(self, told: Iterable[BatchEvent]) -> None:
        """Require that these were told as they are stored."""
        for event in told:
            assert event == self._events[event.batch_id][event.sequence]
