"""The server's share of the sweep."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import DBAPIError

from reports_core.storage.sweep import Sweeper

logger = logging.getLogger(__name__)


async def sweep_forever(sweeper: Sweeper, seconds: float) -> None:
    """Sweep every so many seconds, in a thread; a sweep that fails is logged, the next one tries again."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(sweeper.sweep)
        except DBAPIError as error:
            logger.warning("sweep failed, trying again in %g s: %s", seconds, error.orig)
        except Exception:
            # Whatever it was: a server that no longer sweeps would lose work without a word.
            logger.exception("sweep failed, trying again in %g s", seconds)
