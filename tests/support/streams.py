"""Watches of many batches in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.duration_pb2 import Duration

from fna.reports.v1 import batch_pb2 as pb
from fna.reports.v1.batch_status_service_pb2 import BatchFilter, WatchBatchesRequest
from tests.support.server import SECONDS, Client


class BatchesWatch:
    """One call of WatchBatches, with what it has said so far."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self.events: list[pb.BatchEvent] = []
        self.token = ""
        """The token of the newest message."""

    async def message(self) -> list[pb.BatchEvent]:
        """Return the events of the next message."""
        response = await anext(aiter(self._call))
        assert response.resume_token
        assert response.events
        self.token = response.resume_token
        self.events += response.events
        return list(response.events)

    async def until(self, *ends: tuple[str, int]) -> list[pb.BatchEvent]:
        """Read until these batches have got to these sequences; return all that was said of the past and present."""
        missing = set(ends)
        while missing:
            missing -= {(event.batch_id, event.sequence) for event in await self.message() if stored(event)}
        return [event for event in self.events if stored(event)]


@asynccontextmanager
async def watching_batches(client: Client, *, token: str = "", **fields: Any) -> AsyncIterator[BatchesWatch]:
    """Give a watch of all batches that match `statuses`, `labels` and `batch_ids`, and cancel it afterwards."""
    options = {key: fields.pop(key) for key in ("exclude_item_events",) if key in fields}
    seconds = fields.pop("heartbeat_seconds", 1)
    request = WatchBatchesRequest(
        filter=BatchFilter(**fields), resume_token=token, heartbeat_interval=Duration(seconds=seconds), **options
    )
    call = client.status.WatchBatches(request, timeout=SECONDS)
    try:
        yield BatchesWatch(call)
    finally:
        call.cancel()


def stored(event: pb.BatchEvent) -> bool:
    """Tell whether an event is one of the table."""
    return event.WhichOneof("event") in {"status_changed", "item_changed", "items_changed"}


def by_batch(events: Iterable[pb.BatchEvent]) -> dict[str, list[int]]:
    """Return the sequences of each batch in the order in which they came."""
    found: dict[str, list[int]] = {}
    for event in events:
        found.setdefault(event.batch_id, []).append(event.sequence)
    return found
