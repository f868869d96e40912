"""The decisions of a watch of all batches that match: what to hand out, when to call again, and where to continue."""

from __future__ import annotations

from collections import OrderedDict

from fna.reports._interruptions import Interruptions
from fna.reports._watch import silence_limit_seconds
from fna.reports.errors import ReportsError
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import WatchBatchesRequest, WatchBatchesResponse

_EXPIRED = "RESUME_TOKEN_EXPIRED"
_REMEMBERED_BATCHES = 100_000


class BatchesWatch:
    """The decisions of a watch of all batches that match.

    The server may tell an event again after a resumption; it passes once as long as its batch is among the last 100,000
    that had events.
    """

    def __init__(self, request: WatchBatchesRequest, interruptions: Interruptions) -> None:
        self._request = WatchBatchesRequest()
        self._request.CopyFrom(request)
        self._interruptions = interruptions
        self._last: OrderedDict[str, int] = OrderedDict()

    @property
    def silence_limit_seconds(self) -> float:
        return silence_limit_seconds(self._request.heartbeat_interval)

    def remaining(self) -> float | None:
        return self._interruptions.remaining()

    def request(self) -> WatchBatchesRequest:
        return self._request

    def take(self, response: WatchBatchesResponse, /) -> list[BatchEvent]:
        self._interruptions.over()
        self._request.resume_token = response.resume_token
        return [event for event in response.events if self._passes(event)]

    def check(self) -> None:
        """Find nothing wrong: sequences of a filtered stream may have gaps."""

    def wait_after(self, error: ReportsError) -> float:
        if error.reason == _EXPIRED and self._request.resume_token:
            self._request.resume_token = ""
            # A database that was restored gives the sequences after its backup a second time, to other events.
            self._last.clear()
        else:
            self._interruptions.require(error)
        return self._interruptions.wait_after(error)

    def _passes(self, event: BatchEvent) -> bool:
        kind = event.WhichOneof("event")
        if kind in ("progress", "heartbeat"):
            return kind == "progress"
        if kind != "snapshot" and event.sequence <= self._last.get(event.batch_id, -1):
            return False
        self._last[event.batch_id] = event.sequence
        self._last.move_to_end(event.batch_id)
        if len(self._last) > _REMEMBERED_BATCHES:
            self._last.popitem(last=False)
        return True
