"""The connection on which a process hears that there are new events."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from reports_core.storage.events import CHANNEL, PROGRESS_CHANNEL, Progress

logger = logging.getLogger(__name__)

_RECONNECT_SECONDS = 0.5
_CONNECTION_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


class Hearer(Protocol):
    """Who is told what was heard."""

    def on_events(self, batch_ids: Iterable[UUID]) -> None:
        """Take note that these batches have new events."""

    def on_progress(self, progress: Progress) -> None:
        """Take note of how far an attempt is."""

    async def on_interrupted(self) -> None:
        """Make up for what was not heard, now that listening begins again. May fail as the database may."""


class Listener:
    """Listens, and connects again when the connection is lost. Entered means listening."""

    def __init__(self, database_url: str, hearer: Hearer) -> None:
        self._database_url = database_url
        self._hearer = hearer

    async def __aenter__(self) -> Self:
        self._connection = await self._connect()
        self._task = asyncio.create_task(self._stay_connected())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with suppress(*_CONNECTION_ERRORS):
            await self._connection.close(timeout=1)

    @property
    def connected(self) -> bool:
        return not self._connection.is_closed()

    async def _stay_connected(self) -> None:
        while True:
            lost = asyncio.Event()
            self._connection.add_termination_listener(lambda _, lost=lost: lost.set())
            if self.connected:
                await lost.wait()
            logger.warning("lost the connection that listens for events; connecting again")
            await self._connect_again()
            logger.info("listening for events again")

    async def _connect_again(self) -> None:
        while True:
            try:
                self._connection = await self._connect()
                await self._hearer.on_interrupted()
            except (*_CONNECTION_ERRORS, SQLAlchemyError):
                self._connection.terminate()
                await asyncio.sleep(_RECONNECT_SECONDS)
            else:
                return

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._database_url, timeout=10, server_settings={"application_name": "fna-reports-feed"}
        )
        try:
            await connection.add_listener(CHANNEL, self._hear_events)
            await connection.add_listener(PROGRESS_CHANNEL, self._hear_progress)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _hear_events(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._hearer.on_events(UUID(batch_id) for batch_id in json.loads(str(payload)))

    def _hear_progress(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._hearer.on_progress(Progress(*json.loads(str(payload))))
