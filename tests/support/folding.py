"""A batch as somebody knows it who was told its events, to be compared with what is stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from fna.reports.v1 import batch_pb2 as pb

_FINAL = {
    pb.BATCH_ITEM_STATUS_COMPLETED,
    pb.BATCH_ITEM_STATUS_FAILED,
    pb.BATCH_ITEM_STATUS_CANCELLED,
}


@dataclass(frozen=True, slots=True)
class ItemView:
    """What events tell of an item, whether they name it alone or with others."""

    status: pb.BatchItemStatus.ValueType = pb.BATCH_ITEM_STATUS_PENDING
    attempt_count: int = 0
    analysis_id: str = ""
    reason: str = ""

    @classmethod
    def of(cls, item: pb.BatchItem) -> ItemView:
        return cls(item.status, item.attempt_count, item.analysis_id, _reason(item.error))


@dataclass(slots=True)
class View:
    """A batch up to its event `sequence`; `whole` says that all its items are known, and not only some."""

    sequence: int = 0
    task_id: str = ""
    status: pb.BatchStatus.ValueType = pb.BATCH_STATUS_UNSPECIFIED
    counters: tuple[int, ...] = ()
    items: dict[int, ItemView] = field(default_factory=dict)
    whole: bool = False

    @classmethod
    def of(cls, batch: pb.Batch, items: Iterable[pb.BatchItem] | None = None) -> View:
        """Return the view that a snapshot gives, with the items of the same moment or with none."""
        known = {item.position: ItemView.of(item) for item in items or ()}
        return cls(batch.last_sequence, batch.task_id, batch.status, _counters(batch), known, items is not None)

    @property
    def final(self) -> bool:
        return self.status not in {
            pb.BATCH_STATUS_UNSPECIFIED,
            pb.BATCH_STATUS_PROCESSING,
            pb.BATCH_STATUS_CANCELLING,
        }

    def take(self, event: pb.BatchEvent) -> None:
        """Follow an event, which must be the next one and fit to what is known."""
        assert event.sequence == self.sequence + 1, f"event {event.sequence} follows on {self.sequence}"
        match event.WhichOneof("event"):
            case "status_changed":
                self._take_status(event)
            case "item_changed":
                self._take_item(event.item_changed)
            case "items_changed":
                self._take_items(event.items_changed)
            case kind:
                raise AssertionError(f"a watcher was told of {kind}")
        self.sequence = event.sequence

    def require_same(self, stored: View) -> None:
        """Require that this is what is stored: of the items all, or else those that are known."""
        items = stored.items if self.whole else {position: stored.items[position] for position in self.items}
        assert self == replace(stored, items=items, whole=self.whole)

    def _take_status(self, event: pb.BatchEvent) -> None:
        changed = event.status_changed
        if event.sequence == 1:
            self.items, self.whole = dict.fromkeys(range(changed.batch.total_reports), ItemView()), True
        assert changed.previous_status == self.status
        assert changed.batch.last_sequence >= event.sequence
        self.status, self.task_id, self.counters = changed.batch.status, changed.batch.task_id, _counters(changed.batch)
        assert changed.final == self.final

    def _take_item(self, changed: pb.BatchItemChanged) -> None:
        item = changed.item
        before = self.items.get(item.position)
        assert before is None or changed.previous_status == before.status
        assert changed.previous_status not in _FINAL
        self.items[item.position] = ItemView.of(item)
        self.counters = _counters(changed.counters)

    def _take_items(self, changed: pb.BatchItemsChanged) -> None:
        reopened = changed.status == pb.BATCH_ITEM_STATUS_PENDING
        for position in changed.positions:
            # Of an item that nobody told of before, this does not tell everything.
            if before := self.items.get(position):
                assert (before.status in _FINAL) == reopened
                self.items[position] = replace(before, status=changed.status, reason=_reason(changed.error))
        self.counters = _counters(changed.counters)


def _counters(counters: pb.Batch | pb.BatchCounters) -> tuple[int, ...]:
    return (
        counters.total_reports,
        counters.successful,
        counters.failed,
        counters.cancelled,
        counters.running,
    )


def _reason(error: Status) -> str:
    info = ErrorInfo()
    return info.reason if any(detail.Unpack(info) for detail in error.details) else ""
