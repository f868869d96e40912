"""The feed: what the watchers of one process share, however many there are."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from uuid import UUID

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from reports_core.domain.errors import TooManyWatchers
from reports_core.storage import events, streams
from reports_core.storage.events import Progress
from reports_core.storage.transactions import Database
from reports_server.audience import Audience
from reports_server.errors import Draining, StreamInterrupted
from reports_server.history import History
from reports_server.listener import Listener
from reports_server.outgoing import Writes
from reports_server.tail import Tail
from reports_server.topic import Topic

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
"""How late a watcher is at most when a notification is lost."""
_DATABASE_ERRORS = (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Feed:
    """Wakes watchers on notifications, after an interruption of these, and every few seconds as a backstop.

    Entered means listening; left means that every watcher was woken to end its stream.
    """

    def __init__(self, session_url: str, database: Database, *, max_watchers: int, max_watchers_per_owner: int) -> None:
        self._database = database
        self._max_watchers = max_watchers
        self._max_watchers_per_owner = max_watchers_per_owner
        self._listener = Listener(session_url, self)
        self._topics: dict[UUID, Topic] = {}
        self._watchers: Counter[str] = Counter()
        self._draining = False
        self._identity: streams.Identity | None = None
        self._epoch = 0
        self.tail = Tail(database, self._begin_anew)
        self.history = History(database)
        self.writes = Writes()

    async def __aenter__(self) -> Self:
        await self._identify()
        await self._listener.__aenter__()
        self._polling = asyncio.create_task(self._poll())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.drain()
        self._polling.cancel()
        await asyncio.gather(self._polling, return_exceptions=True)
        await self._listener.__aexit__(kind, error, traceback)
        self.tail.stop()
        for topic in self._topics.values():
            topic.stop()

    @property
    def epoch(self) -> int:
        """Changes when the database turns out to be another one; to be given to `check`."""
        return self._epoch

    @property
    def open_watches(self) -> int:
        """The watches of all owners."""
        return self._watchers.total()

    @property
    def listening(self) -> bool:
        """Whether notifications arrive; without them everything is found by the poll."""
        return self._listener.connected

    def check(self, epoch: int) -> None:
        """Tell a watcher whether it may go on. Raises Draining and StreamInterrupted."""
        if self._draining:
            raise Draining
        if epoch != self._epoch:
            raise StreamInterrupted

    def drain(self) -> None:
        """End all watches: they are woken and find that they may not go on."""
        self._draining = True
        self._wake_watchers()

    @contextmanager
    def admit(self, owner: str) -> Iterator[None]:
        """Count a watcher. Raises TooManyWatchers."""
        if self.open_watches >= self._max_watchers:
            raise TooManyWatchers(self._max_watchers)
        if self._watchers[owner] >= self._max_watchers_per_owner:
            raise TooManyWatchers(self._max_watchers_per_owner, yours=True)
        self._watchers[owner] += 1
        try:
            yield
        finally:
            self._watchers[owner] -= 1
            if not self._watchers[owner]:
                del self._watchers[owner]

    @contextmanager
    def topic(self, batch_id: UUID) -> Iterator[Topic]:
        """Give the topic of a batch, which all its watchers share."""
        topic = self._topics.get(batch_id)
        if topic is None:
            topic = self._topics[batch_id] = Topic(batch_id, self._database, self.history)
        topic.watchers += 1
        try:
            yield topic
        finally:
            topic.watchers -= 1
            if not topic.watchers:
                topic.stop()
                if self._topics.get(batch_id) is topic:
                    del self._topics[batch_id]

    def wake(self, batch_id: UUID) -> None:
        """Have the watchers of a batch in this process see what is new."""
        if topic := self._topics.get(batch_id):
            topic.wake()
        self.tail.wake()

    def on_events(self, batch_ids: Iterable[UUID]) -> None:
        """Do as `Hearer` says."""
        for batch_id in batch_ids:
            self.wake(batch_id)

    def on_progress(self, progress: Progress) -> None:
        """Do as `Hearer` says."""
        if topic := self._topics.get(UUID(progress.batch_id)):
            topic.tell(progress)
        self.tail.tell(progress)

    async def on_interrupted(self) -> None:
        """Do as `Hearer` says; an interruption is also when one database may have taken the place of another."""
        await self._identify()
        for topic in self._topics.values():
            topic.wake()
        self.tail.wake()

    async def _identify(self) -> None:
        identity = await self._database.run(streams.identity)
        if self._identity not in {None, identity}:
            self._begin_anew()
        self._identity = identity
        self.tail.identity = str(identity)

    def _begin_anew(self) -> None:
        """End all watches and forget what was read: the database is another one, or an earlier one, than before."""
        logger.warning("the database was replaced: all watches are ended, to be continued where that is possible")
        self._epoch += 1
        self._wake_watchers()
        self._topics = {}
        self.tail.begin_anew()
        self.history.clear()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self.writes.end_stalled(asyncio.get_running_loop().time())
            for audience in self._audiences():
                audience.forget_old()
            self.tail.wake()
            positions = {batch_id: topic.position for batch_id, topic in self._topics.items()}
            try:
                newest = await self._database.run(events.newest, list(positions))
            except _DATABASE_ERRORS:
                # Listening again after the outage wakes everybody.
                continue
            if any(sequence < positions[batch_id] for batch_id, sequence in newest.items()):
                # Nothing takes a sequence back, but an older copy of the database in its place.
                self._begin_anew()
                continue
            for batch_id, sequence in newest.items():
                topic = self._topics.get(batch_id)
                if topic and topic.position < sequence:
                    topic.wake()

    def _wake_watchers(self) -> None:
        for audience in self._audiences():
            audience.wake()

    def _audiences(self) -> list[Audience[int] | Audience[streams.Snapshot]]:
        return [
            *(topic.audience for topic in self._topics.values()),
            *(selection.audience for selection in self.tail.selections),
        ]
