"""Clients that follow batches over gRPC, are cut off anywhere, and go on where they were; each keeps what it knows."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

import grpc
import grpc.aio

from fna.reports.v1 import batch_pb2 as pb
from fna.reports.v1.batch_status_service_pb2 import (
    BatchFilter,
    GetBatchRequest,
    ListBatchItemsRequest,
    WatchBatchesRequest,
    WatchBatchRequest,
)
from tests.support.folding import View
from tests.support.server import SECONDS, Client, Refusal
from tests.support.streams import stored


class Begin(Enum):
    """What a watcher of a batch knows when it begins."""

    NOTHING = auto()
    """It replays the whole history."""
    SNAPSHOT = auto()
    """It is told of the batch as it is, and of no items but those that change later."""
    ITEMS = auto()
    """It lists the items, and goes on from exactly there."""


class Watcher(ABC):
    """One client: at most one call at a time, which may be cut off, and then another one.

    What it is told is looked at when it comes; whoever waits for the watcher fails when that was wrong.
    """

    def __init__(self) -> None:
        self.events: list[pb.BatchEvent] = []
        """What it was told since it began, repeats included; heartbeats and progress are left out."""
        self.refused = ""
        """The reason in the status of its newest call, empty when that was not refused."""
        self._task: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._left: int | None = None

    @property
    def running(self) -> bool:
        """Tell whether its call goes on."""
        return self._task is not None and not self._task.done()

    async def start(self, client: Client, most: int | None = None) -> None:
        """Call the server, and hang up after so many events, wherever in a message that is."""
        self.refused, self._left = "", most
        self._task = asyncio.create_task(self._run(client))
        self._task.add_done_callback(lambda _: self._moved.set())

    async def cut(self) -> None:
        """Lose the connection."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._require_right()

    async def ended(self) -> None:
        """Wait until its call is over."""
        while self.running:
            await self._changed()
        self._require_right()

    async def _changed(self) -> None:
        self._moved.clear()
        async with asyncio.timeout(SECONDS):
            await self._moved.wait()

    def _require_right(self) -> None:
        if self._task and self._task.done() and not self._task.cancelled():
            self._task.result()

    async def _run(self, client: Client) -> None:
        try:
            await self._follow(client)
        except grpc.aio.AioRpcError as error:
            # A server that is killed says nothing any more: that is as if the connection was cut.
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                self.refused = Refusal(error).reason

    @abstractmethod
    async def _follow(self, client: Client) -> None:
        """Call, and take what comes."""

    def _keep(self, event: pb.BatchEvent) -> bool:
        """Note an event; True when it is the last one that is taken from this call."""
        self.events.append(event)
        self._moved.set()
        if self._left is not None:
            self._left -= 1
        return self._left == 0


class BatchWatcher(Watcher):
    """Follows one batch with `WatchBatch`, one execution after another."""

    def __init__(self, batch_id: str, begin: Begin) -> None:
        super().__init__()
        self.batch_id = batch_id
        self.view = View()
        self._begin = begin
        self._begun = begin is Begin.NOTHING

    def begin_anew(self) -> None:
        """Forget everything, as the history does not go back so far."""
        self._begin, self._begun, self.view, self.events = Begin.ITEMS, False, View(), []

    async def reached(self, sequence: int) -> None:
        """Wait until it was told of this event, or its call is over."""
        while self.running and self.view.sequence < sequence:
            await self._changed()
        self._require_right()

    async def _follow(self, client: Client) -> None:
        if not self._begun and self._begin is Begin.ITEMS:
            await self._list_items(client)
        request = WatchBatchRequest(batch_id=self.batch_id)
        if self._begun:
            request.after_sequence = self.view.sequence
        with _hanging_up(client.status.WatchBatch(request)) as call:
            async for message in call:
                assert message.events
                for event in message.events:
                    if self._take(event):
                        return
        # The server ends a stream with the last event of an execution, and at once when that was told before.
        assert self.view.final
        assert not self.events or self.events[-1].status_changed.final

    async def _list_items(self, client: Client) -> None:
        # Two calls: they are of one moment when nothing happened in between.
        while not self._begun:
            batch = (await client.status.GetBatch(GetBatchRequest(batch_id=self.batch_id))).batch
            listed = await client.status.ListBatchItems(ListBatchItemsRequest(batch_id=self.batch_id, page_size=1000))
            if listed.last_sequence == batch.last_sequence:
                self.view, self._begun = View.of(batch, listed.items), True
        self._moved.set()

    def _take(self, event: pb.BatchEvent) -> bool:
        assert event.batch_id == self.batch_id
        if stored(event):
            self.view.take(event)
            return self._keep(event)
        if event.WhichOneof("event") == "snapshot":
            assert not self._begun
            assert event.sequence == event.snapshot.last_sequence
            self.view, self._begun = View.of(event.snapshot), True
            self._moved.set()
        # Progress and heartbeats say where the stream stands and change nothing.
        assert event.sequence == self.view.sequence
        return False


class StreamWatcher(Watcher):
    """Follows all batches that have a label, with `WatchBatches` and its tokens."""

    def __init__(self, label: str, value: str) -> None:
        super().__init__()
        self.views: dict[str, View] = {}
        self._filter = BatchFilter(labels={label: value})
        self._token = ""

    @property
    def begun(self) -> bool:
        """Tell whether it can go on from where it is."""
        return bool(self._token)

    def begin_anew(self) -> None:
        """Forget everything, as no way leads on from the token."""
        self.views, self._token, self.events = {}, "", []

    async def reached(self, sequences: dict[str, int]) -> None:
        """Wait until it was told of these events, or its call is over; of none, until it has begun."""
        while self.running and not (self.begun and self._knows(sequences)):
            await self._changed()
        self._require_right()

    def _knows(self, sequences: dict[str, int]) -> bool:
        return all(
            batch_id in self.views and self.views[batch_id].sequence >= last for batch_id, last in sequences.items()
        )

    async def _follow(self, client: Client) -> None:
        resumed, newest = self.begun, dict[str, int]()
        request = WatchBatchesRequest(filter=self._filter, resume_token=self._token)
        with _hanging_up(client.status.WatchBatches(request)) as call:
            async for message in call:
                for event in message.events:
                    if self._take(event, newest, resumed=resumed):
                        return
                self._token = message.resume_token
                self._moved.set()

    def _take(self, event: pb.BatchEvent, newest: dict[str, int], *, resumed: bool) -> bool:
        if event.WhichOneof("event") == "snapshot":
            assert not resumed
            assert event.batch_id not in self.views
            self.views[event.batch_id] = View.of(event.snapshot)
        if not stored(event):
            return False
        # Whoever goes on from a token may be told again, but in the order of the sequences all the same.
        assert event.sequence > newest.get(event.batch_id, 0)
        newest[event.batch_id] = event.sequence
        if event.batch_id not in self.views:
            self.views[event.batch_id] = _before(event)
        view = self.views[event.batch_id]
        if not resumed or event.sequence > view.sequence:
            view.take(event)
        return self._keep(event)


@contextmanager
def _hanging_up(call: Any) -> Iterator[Any]:
    try:
        yield call
    finally:
        call.cancel()


def _before(event: pb.BatchEvent) -> View:
    """Return what is known before the first event of a batch: it was not there, or it was over."""
    if event.sequence == 1:
        return View()
    assert event.WhichOneof("event") == "status_changed", f"the batch begins with event {event.sequence}"
    before = View(sequence=event.sequence - 1, status=event.status_changed.previous_status)
    assert before.final
    return before
