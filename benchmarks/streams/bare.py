"""The limit that ours is held against: `python -m benchmarks.streams.bare` only streams from memory.

Its events are made before they happen, a queue for each watcher has them, and there is nothing else: no interceptors,
no validation, no database.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import grpc.aio
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp

from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_COMPLETED,
    BATCH_ITEM_STATUS_PROCESSING,
    BATCH_STATUS_PROCESSING,
    Batch,
    BatchCounters,
    BatchEvent,
    BatchItem,
    BatchItemChanged,
    Heartbeat,
)
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest, WatchBatchResponse

_SERVICE = "bare"
WATCH = f"/{_SERVICE}/Watch"
"""Takes a WatchBatchRequest, of which only the heartbeat interval counts; streams WatchBatchResponse."""
PUBLISH = f"/{_SERVICE}/Publish"
"""Takes the JSON list of seconds at which to publish; answers with the monotonic nanoseconds at which it did."""

_Context = grpc.aio.ServicerContext[bytes, bytes]


class Bare:
    """The watchers and how many events there were."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes]] = set()
        self._batch_id = str(uuid4())
        self._sequence = 0

    async def watch(self, request: bytes, _context: _Context) -> AsyncIterator[bytes]:
        """Stream a snapshot and then what happens."""
        # Without an interval there are no heartbeats, and no task for each message that would wait for one.
        seconds = WatchBatchRequest.FromString(request).heartbeat_interval.ToTimedelta().total_seconds() or None
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield self._message(snapshot=Batch(batch_id=self._batch_id, status=BATCH_STATUS_PROCESSING))
            heartbeat = self._message(heartbeat=Heartbeat())
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), seconds)
                except TimeoutError:
                    message = heartbeat
                yield message
        finally:
            self._queues.discard(queue)

    async def publish(self, request: bytes, _context: _Context) -> bytes:
        """Publish an event at each of these times from now."""
        offsets: list[float] = json.loads(request)
        events = []
        for _ in offsets:
            self._sequence += 1
            events.append(self._message(item_changed=self._change()))
        times = []
        begin = time.monotonic()
        for offset, event in zip(offsets, events, strict=True):
            await asyncio.sleep(begin + offset - time.monotonic())
            times.append(time.monotonic_ns())
            for queue in self._queues:
                queue.put_nowait(event)
        return json.dumps(times).encode()

    def _change(self) -> BatchItemChanged:
        """Return what our server says of a completion, in as many bytes."""
        now = Timestamp()
        now.GetCurrentTime()
        return BatchItemChanged(
            previous_status=BATCH_ITEM_STATUS_PROCESSING,
            item=BatchItem(
                report_id=str(uuid4()),
                status=BATCH_ITEM_STATUS_COMPLETED,
                position=self._sequence,
                attempt_count=1,
                analysis_id=str(uuid4()),
                started_at=now,
                processed_at=now,
            ),
            counters=BatchCounters(total_reports=10_000, successful=self._sequence, running=100),
        )

    def _message(
        self,
        *,
        snapshot: Batch | None = None,
        item_changed: BatchItemChanged | None = None,
        heartbeat: Heartbeat | None = None,
    ) -> bytes:
        now = Timestamp()
        now.GetCurrentTime()
        event = BatchEvent(
            batch_id=self._batch_id,
            sequence=self._sequence,
            occurred_at=now,
            snapshot=snapshot,
            item_changed=item_changed,
            heartbeat=heartbeat,
        )
        return WatchBatchResponse(events=[event]).SerializeToString()


async def _serve() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    bare = Bare()
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        WATCH.rpartition("/")[2]: grpc.unary_stream_rpc_method_handler(bare.watch),
        PUBLISH.rpartition("/")[2]: grpc.unary_unary_rpc_method_handler(bare.publish),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}: {_SERVICE}", flush=True)
    await stop.wait()
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(_serve())
