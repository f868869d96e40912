"""Watchers lose nothing to servers that are killed under load, and a watcher that takes nothing costs no memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence, Sized
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from threading import Event
from typing import Any

import grpc.aio
import pytest
from sqlalchemy import Connection

from fna.reports import AsyncReportsClient
from fna.reports.v1 import batch_pb2 as pb
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub
from reports_core.domain.batch import ItemStatus
from reports_core.storage import changes, events
from reports_core.storage.records import Batch
from reports_server import mapping
from tests.support.finality import Journal
from tests.support.folding import View
from tests.support.server import Client, connect
from tests.support.stack import Running, Stack
from tests.support.storage import Store
from tests.support.waiting import eventually_async
from tests.support.watchers import BatchWatcher, Begin, StreamWatcher, Watcher

pytestmark = pytest.mark.timeout(180)

RESTARTS = 4
EVENTS_BETWEEN = 30
ITEMS = 10_000
LABEL = ("test", "restarts")

STALLED = 30
EVENTS = 2_000
EVENTS_AT_ONCE = 100
EVENT_BYTES = 4_096
MOST_GROWTH_KIB = 64 * 1024
"""Of the server's memory: less than half of what passes the stalled watchers."""


@pytest.fixture
def own_stack(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    """Give a stack whose server may be killed."""
    with Stack(database_url, tmp_path) as stack:
        yield stack


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with Store(database_url) as store:
        yield store


def work(store: Store, batch: Batch, enough: Event) -> None:
    """Process items until there was enough of it, then cancel the others."""
    for position in takewhile(lambda _: not enough.is_set(), range(ITEMS)):
        store.run(batch, position)
    store.cancel(batch)
    store.do(events.notify, [batch.batch_id])


async def keep_watching(watcher: Watcher, client: Client) -> None:
    """Call again whenever the connection is lost, until the batch is over, or for ever where a stream has no end."""
    while not (isinstance(watcher, BatchWatcher) and watcher.view.final):
        await client.channel.channel_ready()
        await watcher.start(client)
        await watcher.ended()
        assert not watcher.refused


async def keep_watching_with_client(address: str, batch: Batch, take: Callable[[pb.BatchEvent], None]) -> None:
    async with AsyncReportsClient(address) as client:
        async for event in client.watch(batch.batch_id, after_sequence=0):
            take(event)


async def test_watchers_of_servers_that_are_killed_are_told_every_event_once(own_stack: Stack, store: Store) -> None:
    batch = store.submit(ITEMS, labels=dict([LABEL]))
    server = await asyncio.to_thread(own_stack.start_server)
    address = own_stack.grpc_address
    watchers = [BatchWatcher(str(batch.batch_id), begin) for begin in (Begin.NOTHING, Begin.SNAPSHOT)]
    streams = [StreamWatcher(*LABEL) for _ in range(2)]
    told_to_clients: list[list[pb.BatchEvent]] = [[], []]
    told = [*(watcher.events for watcher in [*watchers, *streams]), *told_to_clients]
    enough = Event()
    async with connect(address) as client, asyncio.TaskGroup() as tasks:
        endless = [tasks.create_task(keep_watching(stream, client)) for stream in streams]
        for watcher in watchers:
            tasks.create_task(keep_watching(watcher, client))
        for found in told_to_clients:
            tasks.create_task(keep_watching_with_client(address, batch, found.append))
        working = tasks.create_task(asyncio.to_thread(work, store, batch, enough))
        try:
            for _ in range(RESTARTS):
                await all_are_told_more(told)
                await asyncio.to_thread(server.kill)
                server = await asyncio.to_thread(own_stack.start_server)
        finally:
            enough.set()
        await working
        final = store.batch(batch)
        await eventually_async(lambda: are_at(streams, final), 60, "the last event on all streams")
        for task in endless:
            task.cancel()
    require_told(store, final, watchers, streams)
    assert all(found == watchers[0].events for found in told_to_clients)


async def all_are_told_more(told: Sequence[Sized]) -> None:
    before = [len(events) for events in told]

    async def more() -> bool:
        return all(len(events) >= so_far + EVENTS_BETWEEN for events, so_far in zip(told, before, strict=True))

    await eventually_async(more, 60, "that everybody is told more")


async def are_at(streams: Sequence[StreamWatcher], batch: Batch) -> bool:
    return all(stream.views[str(batch.batch_id)].sequence == batch.last_sequence for stream in streams)


def require_told(
    store: Store, batch: Batch, watchers: Sequence[BatchWatcher], streams: Sequence[StreamWatcher]
) -> None:
    """Require that all events were told as they are stored, and lead to what is stored."""
    journal = Journal(store)
    journal.read([batch])
    assert watchers[0].events == journal.of(batch.batch_id)
    for watcher in [*watchers, *streams]:
        journal.require_told(watcher.events)
    stored = View.of(mapping.batch_message(batch), map(mapping.item_message, store.items(batch)))
    for view in [*(each.view for each in watchers), *(each.views[str(batch.batch_id)] for each in streams)]:
        view.require_same(stored)


async def test_watchers_that_take_nothing_cost_no_memory_and_miss_nothing(own_stack: Stack, store: Store) -> None:
    batch = store.submit(1)
    server = await asyncio.to_thread(own_stack.start_server)
    async with AsyncExitStack() as calls, connect(own_stack.grpc_address) as client:
        stalled = [
            await calls.enter_async_context(stalled_watch(own_stack.grpc_address, batch)) for _ in range(STALLED)
        ]
        before = memory_kib(server)
        passed = asyncio.create_task(client.watch(batch.batch_id, after_sequence=0))
        await asyncio.to_thread(let_pass, store, batch)
        told = await passed
        growth = memory_kib(server) - before
        assert [event.sequence for event in told] == list(range(1, store.batch(batch).last_sequence + 1))
        assert growth < MOST_GROWTH_KIB
        for messages in stalled:
            assert [event async for message in messages for event in message.events] == told[1:]


@asynccontextmanager
async def stalled_watch(address: str, batch: Batch) -> AsyncIterator[Any]:
    """Give a watch that has taken the first event, in a client that takes in as little as it can for itself."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)]
    async with grpc.aio.insecure_channel(address, options) as channel:
        request = WatchBatchRequest(batch_id=str(batch.batch_id), after_sequence=0)
        messages = aiter(BatchStatusServiceStub(channel).WatchBatch(request))
        first = await anext(messages)
        assert [event.sequence for event in first.events] == [1]
        yield messages


def let_pass(store: Store, batch: Batch) -> None:
    """Add events to the history of a batch that has one item, and let it end."""

    def add(conn: Connection) -> None:
        locked = changes.lock(conn, batch.batch_id)
        assert locked is not None
        changed = events.item_changed(locked, ItemStatus.PENDING, item, locked.counters)
        changes.apply(conn, locked, locked.counters, [changed] * EVENTS_AT_ONCE)

    item = replace(store.item(batch), error_reason="INTERNAL", error_message="x" * EVENT_BYTES)
    for _ in range(EVENTS // EVENTS_AT_ONCE):
        store.do(add)
        store.do(events.notify, [batch.batch_id])
    store.run(batch)


def memory_kib(server: Running) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])
