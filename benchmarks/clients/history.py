"""The history of a batch, as our server sends it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import grpc
from sqlalchemy import Connection

from benchmarks.streams import servers
from benchmarks.streams.reports import OWNER, register
from benchmarks.streams.stage import stage
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest, WatchBatchResponse
from reports_core.domain.batch import ItemStatus
from reports_core.storage import batches, changes, events, items
from reports_core.storage.batches import NewBatch
from reports_core.storage.engine import sync_engine
from reports_core.storage.queue import DatabaseQueue
from reports_core.storage.records import Batch
from reports_core.storage.transactions import transaction

WATCH = "/fna.reports.v1.BatchStatusService/WatchBatch"
_EVENTS_AT_ONCE = 100


def recorded(count: int) -> list[bytes]:
    """Return the messages in which our server replays a history of about so many events, to its end."""
    with stage() as place:
        batch = _written(place.url, count)
        with servers.ours(place.url, place.folder) as server, grpc.insecure_channel(server.address) as channel:
            request = WatchBatchRequest(batch_id=str(batch.batch_id), after_sequence=0).SerializeToString()
            # As they are: parsing and serializing again need not give the same bytes.
            return list(channel.unary_stream(WATCH, bytes, bytes)(request))


def one_by_one(messages: Sequence[bytes]) -> list[bytes]:
    """Return the same events, each in a message of its own, as a batch sends them that is quiet in between."""
    parsed = (WatchBatchResponse.FromString(message) for message in messages)
    return [WatchBatchResponse(events=[event]).SerializeToString() for message in parsed for event in message.events]


def count(messages: Sequence[bytes]) -> int:
    return sum(len(WatchBatchResponse.FromString(message).events) for message in messages)


def write(messages: Sequence[bytes], path: Path) -> Path:
    path.write_text("\n".join(b64encode(message).decode() for message in messages))
    return path


def read(path: Path) -> list[bytes]:
    return [b64decode(line) for line in path.read_text().splitlines()]


def _written(url: str, count: int) -> Batch:
    """Store a batch that has so many events and is over."""
    engine = sync_engine(url, pool_size=1, application_name="history")

    def add(conn: Connection, batch: Batch) -> None:
        locked = changes.lock(conn, batch.batch_id)
        assert locked is not None
        (item,) = items.list_page(conn, locked, current=True, after=-1, limit=1)
        told = replace(item, status=ItemStatus.PROCESSING, attempt=1, analysis_id=uuid4())
        changed = events.item_changed(locked, ItemStatus.PENDING, told, locked.counters)
        changes.apply(conn, locked, locked.counters, [changed] * _EVENTS_AT_ONCE)

    try:
        with transaction(engine) as conn:
            batch = batches.submit(conn, NewBatch(owner=OWNER, report_ids=register(conn, 1)), DatabaseQueue())
        for _ in range(count // _EVENTS_AT_ONCE):
            with transaction(engine) as conn:
                add(conn, batch)
        with transaction(engine) as conn:
            return batches.cancel(conn, OWNER, batch.batch_id)
    finally:
        engine.dispose()
