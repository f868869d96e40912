"""The server's share of the sweep."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from reports_core.storage.sweep import Sweeper

logger = logging.getLogger(__name__)


class Upkeep:
    """Sweeps every so many seconds, in a thread, and when it is asked to."""

    def __init__(self, sweeper: Sweeper, seconds: float) -> None:
        self._sweeper = sweeper
        self._seconds = seconds
        self._asked = asyncio.Event()

    def sweep_in(self, delay: timedelta) -> None:
        """Have a sweep after the delay, whatever else sweeps until then."""
        asyncio.get_running_loop().call_later(delay.total_seconds(), self._asked.set)

    async def run(self) -> None:
        """Sweep until cancelled; a sweep that fails is logged, the next one tries again."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._seconds)
            self._asked.clear()
            try:
                await asyncio.to_thread(self._sweeper.sweep)
            except DBAPIError as error:
                logger.warning("sweep failed, trying again in %g s: %s", self._seconds, error.orig)
            except Exception:
                # Whatever it was: a server that no longer sweeps would lose work without a word.
                logger.exception("sweep failed, trying again in %g s", self._seconds)
