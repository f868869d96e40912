"""What the history of a batch adds up to, against what the tables hold."""

from __future__ import annotations

from collections import Counter

from reports_core.domain.batch import Counters
from reports_core.storage.records import Batch, Event, Json, counters_to_json
from tests.support.storage import Store


class Folded:
    """What a client that has seen every event believes."""

    def __init__(self, total_reports: int) -> None:
        self.items = ["PENDING"] * total_reports
        self.reasons: list[str | None] = [None] * total_reports
        self.analyses: list[str | None] = [None] * total_reports
        self.counters: Json = counters_to_json(Counters(total_reports))
        self.status = ""
        self.task_id = ""

    def apply(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case "STATUS_CHANGED":
                assert (data["previous_status"] or "") == self.status
                self.status, self.task_id = data["batch"]["status"], data["batch"]["task_id"]
                self.counters = {name: data["batch"][name] for name in self.counters}
            case "ITEM_CHANGED":
                item = data["item"]
                assert self.items[item["position"]] == data["previous_status"]
                self._set(item["position"], item["status"], item["error_reason"], item["analysis_id"])
                self.counters = data["counters"]
            case "ITEMS_CHANGED":
                for position in data["positions"]:
                    self._set(position, data["status"], data["error_reason"], None)
                self.counters = data["counters"]

    def _set(self, position: int, status: str, reason: str | None, analysis_id: str | None) -> None:
        self.items[position], self.reasons[position], self.analyses[position] = status, reason, analysis_id


def assert_consistent(store: Store, batch: Batch) -> None:
    """Demand that events, counters, items and the batch say the same."""
    now, items, history = store.batch(batch), store.items(batch), store.events(batch)
    assert [event.sequence for event in history] == list(range(1, now.last_sequence + 1))
    statuses = Counter(str(item.status) for item in items)
    assert now.counters == Counters(
        len(items), statuses["COMPLETED"], statuses["FAILED"], statuses["CANCELLED"], statuses["PROCESSING"]
    )
    folded = Folded(len(items))
    for event in history:
        folded.apply(event)
    assert (folded.status, folded.task_id) == (now.status, str(now.task_id))
    assert folded.counters == counters_to_json(now.counters)
    assert folded.items == [item.status for item in items]
    assert folded.reasons == [item.error_reason for item in items]
    assert folded.analyses == [str(item.analysis_id) if item.analysis_id else None for item in items]
