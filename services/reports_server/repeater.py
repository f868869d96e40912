"""Doing something again whenever it is asked for, but never twice at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)


class Repeater:
    """Runs a step once more after each request; requests that come while one waits for its turn are one.

    A step that fails because the database is away is forgotten: whoever asks next has it tried again.
    """

    def __init__(self, step: Callable[[], Awaitable[None]], turn: Callable[[], Awaitable[None]]) -> None:
        self._step = step
        self._turn = turn
        self._asked = False
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Have the step run after this moment."""
        self._asked = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """End a step that runs, and run none that was asked for."""
        self._asked = False
        if self._task:
            self._task.cancel()
            # Whoever asks now must not rely on a step that is about to end.
            self._task = None

    async def _run(self) -> None:
        while self._asked:
            await self._turn()
            self._asked = False
            try:
                await self._step()
            except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.warning("watchers wait for the database: %s", error)
                return
