"""The feed: one LISTEN connection per process that wakes the watchers of a batch when there is something new."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self
from uuid import UUID

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from reports_core.domain.errors import TooManyWatchers
from reports_core.storage import events
from reports_core.storage.events import CHANNEL, PROGRESS_CHANNEL, Progress
from reports_core.storage.transactions import Database

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
"""How late a watcher is at most when a notification is lost."""
_RECONNECT_SECONDS = 0.5
_PROGRESS_KEPT = 100
_CONNECTION_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


class Subscription:
    """One watcher's view of the feed: a flag that is set when it should look, and progress to pass on."""

    def __init__(self, position: int = 0) -> None:
        self._wake = asyncio.Event()
        self.position = position
        """Sequence of the newest event that the watcher has; it says so to the poll."""
        self.progress: deque[Progress] = deque(maxlen=_PROGRESS_KEPT)
        """Progress not passed on yet, oldest first; a watcher that does not keep up loses the oldest."""

    def wake(self) -> None:
        self._wake.set()

    async def changed(self, seconds: float) -> bool:
        """Wait until there may be something new; False when nothing was within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True


class Feed:
    """Wakes subscriptions on notifications, after a reconnection, and every few seconds as a backstop.

    Entered means listening; left means that every subscription was woken and `draining` is set.
    """

    def __init__(self, database_url: str, database: Database, *, max_watchers: int) -> None:
        self._database_url = database_url
        self._database = database
        self._max_watchers = max_watchers
        self._subscriptions: dict[UUID, set[Subscription]] = {}
        self._count = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.draining = False

    async def __aenter__(self) -> Self:
        self._connection = await self._connect()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._poll())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(*_CONNECTION_ERRORS):
            await self._connection.close(timeout=1)

    def drain(self) -> None:
        """End all watches: they are woken and find `draining` set."""
        self.draining = True
        self._wake_all()

    @contextmanager
    def subscribe(self, batch_id: UUID) -> Iterator[Subscription]:
        """Register a watcher of a batch. Raises TooManyWatchers."""
        if self._count >= self._max_watchers:
            raise TooManyWatchers(self._max_watchers)
        subscription = Subscription()
        self._subscriptions.setdefault(batch_id, set()).add(subscription)
        self._count += 1
        try:
            yield subscription
        finally:
            self._count -= 1
            watchers = self._subscriptions[batch_id]
            watchers.discard(subscription)
            if not watchers:
                del self._subscriptions[batch_id]

    def wake(self, batch_id: UUID) -> None:
        """Wake the watchers of one batch in this process."""
        for subscription in self._subscriptions.get(batch_id, ()):
            subscription.wake()

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._database_url, timeout=10, server_settings={"application_name": "fna-reports-feed"}
        )
        try:
            await connection.add_listener(CHANNEL, self._on_events)
            await connection.add_listener(PROGRESS_CHANNEL, self._on_progress)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _listen(self) -> None:
        while True:
            lost = asyncio.Event()
            self._connection.add_termination_listener(lambda _, lost=lost: lost.set())
            # What was committed while nobody listened was not notified.
            self._wake_all()
            if not self._connection.is_closed():
                await lost.wait()
            logger.warning("lost the connection that listens for events; connecting again")
            self._connection = await self._reconnect()
            logger.info("listening for events again")

    async def _reconnect(self) -> asyncpg.Connection:
        while True:
            try:
                return await self._connect()
            except _CONNECTION_ERRORS:
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if not self._subscriptions:
                continue
            try:
                newest = await self._database.run(events.newest, list(self._subscriptions))
            except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                # Listening again after the outage wakes everybody.
                continue
            for batch_id, sequence in newest.items():
                for subscription in self._subscriptions.get(batch_id, ()):
                    if subscription.position < sequence:
                        subscription.wake()

    def _wake_all(self) -> None:
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.wake()

    def _on_events(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for batch_id in json.loads(str(payload)):
            self.wake(UUID(batch_id))

    def _on_progress(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        progress = Progress(*json.loads(str(payload)))
        for subscription in self._subscriptions.get(UUID(progress.batch_id), ()):
            subscription.progress.append(progress)
            subscription.wake()
