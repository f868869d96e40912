"""The product that the drivers call: a server process, a gateway and a database, with workers whose work tests do."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self
from uuid import UUID

from sqlalchemy import Connection

from reports_core.domain.batch import ItemStatus
from reports_core.storage import batches, changes, dispatch, events, queue
from reports_core.storage.records import Batch
from tests.support.stack import Running, Stack
from tests.support.storage import OWNER, REFUSED, SUCCESS, Store
from tests.support.waiting import eventually

_SECONDS = 60.0
_EVENTS_AT_ONCE = 100


class Product:
    """Serves drivers while it is entered; its server can be killed and started again."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.store = Store(stack.database_url)
        self._gateway: Running | None = None
        self._server: Running | None = None

    def __enter__(self) -> Self:
        self.store.__enter__()
        self._server = self._stack.start_server()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.store.__exit__(kind, error, traceback)

    def address(self, *, rest: bool) -> str:
        """Return the address of the server, or of its gateway, which starts when it is asked for first."""
        if not rest:
            return self._stack.grpc_address
        if self._gateway is None:
            self._gateway = self._stack.start_gateway()
        return self._stack.rest_address

    def kill_server(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server = None

    def start_server(self) -> None:
        """Start the server unless it runs."""
        if self._server is None:
            self._server = self._stack.start_server()

    def work(self, what: str, batch_id: str, positions: Sequence[int] | None) -> None:
        """Do what workers do with items of a batch: `succeed`, `fail`, or `start` and leave it."""
        batch = self._dispatched(batch_id)
        for position in range(batch.counters.total_reports) if positions is None else positions:
            match what:
                case "succeed":
                    self.store.run(batch, position, SUCCESS)
                case "fail":
                    self.store.run(batch, position, REFUSED)
                case "start":
                    self.store.start(batch, position)
                case _:
                    raise AssertionError(f"unknown work: {what}")
        self._tell(batch)

    def compact(self, batch_id: str) -> None:
        """Let the time pass for which the history of a batch is kept."""
        batch = self._batch(batch_id)
        self.store.pass_time(batch, "8 days")
        eventually(
            lambda: self.store.sweeper().sweep() is not None and self.store.events(batch) == [],
            _SECONDS,
            "the compaction",
        )

    def retry(self, batch_id: str) -> None:
        """Have somebody else retry a batch."""
        self.store.retry(self._batch(batch_id))

    def add_history(self, count: int, batch_id: str, kills: int, told: Callable[[], int]) -> None:
        """Add so many events to a batch; kill the server so often meanwhile, each time that some more were told."""
        batch = self._dispatched(batch_id)
        chosen = random.Random(f"{batch_id}")
        marks = sorted(chosen.sample(range(count // 20, count // 2), kills))
        writer = threading.Thread(target=self._write, args=(batch, count))
        writer.start()
        try:
            for mark in marks:
                eventually(lambda mark=mark: told() >= mark, _SECONDS, f"{mark} events")  # type: ignore[misc]  # mypy cannot infer a default
                self.kill_server()
                self.start_server()
        finally:
            writer.join()

    def count_batches(self, labels: dict[str, str]) -> int:
        found = self.store.do(batches.list_page, OWNER, batches.BatchFilter(labels=labels), before=None, limit=100)
        return len(found)

    def _write(self, batch: Batch, count: int) -> None:
        item = self.store.item(batch)

        def add(conn: Connection) -> None:
            locked = changes.lock(conn, batch.batch_id)
            assert locked is not None
            noted = replace(item, error_reason="INTERNAL", error_message="Tried again.")
            changed = events.item_changed(locked, ItemStatus.PENDING, noted, locked.counters)
            changes.apply(conn, locked, locked.counters, [changed] * _EVENTS_AT_ONCE)

        for _ in range(count // _EVENTS_AT_ONCE):
            self.store.do(add)
            self._tell(batch)

    def _batch(self, batch_id: str) -> Batch:
        return self.store.do(batches.get, OWNER, UUID(batch_id))

    def _dispatched(self, batch_id: str) -> Batch:
        batch = self._batch(batch_id)
        if self.store.take(queue.BATCH_QUEUE, [batch.task_id]):
            self.store.do(dispatch.dispatch_execution, batch.task_id, self.store.queue)
        return batch

    def _tell(self, batch: Batch) -> None:
        self.store.do(events.notify, [batch.batch_id])
