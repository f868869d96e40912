"""Vacuums the queue's tables when enough rows are dead.

Autovacuum comes once a minute at most. At thousands of messages a second that is some hundred megabytes later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from kombu_postgres import database, statements

logger = logging.getLogger(__name__)

_SHARE = 0.05
_FIRST_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 300.0


class Vacuum:
    """Vacuums in a thread and a connection of its own, for a twentieth of the time at most.

    While an old transaction keeps the rows from being removed, vacuuming is useless, so it pauses longer and longer.
    """

    def __init__(self, parameters: Mapping[str, Any], after_rows: int) -> None:
        self._parameters = parameters
        self._after_rows = after_rows
        self._thread: threading.Thread | None = None
        self._pause = 0.0
        self._rest_until = 0.0
        self.settled = 0
        """Messages that this consumer has done since the number of dead rows was looked up; others add to it."""

    def consider(self, run: Callable[..., list[Any]]) -> None:
        """Start to vacuum when it is worth it; `run` looks up the number of dead rows."""
        if self.settled * 4 < self._after_rows or time.monotonic() < self._rest_until:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self.settled = 0
        ((dead,),) = run(statements.DEAD_ROWS)
        if dead >= self._after_rows:
            self._thread = threading.Thread(
                target=self._vacuum, args=(dead,), name="kombu-postgres-vacuum", daemon=True
            )
            self._thread.start()

    def _vacuum(self, dead: int) -> None:
        began = time.monotonic()
        try:
            conn = database.connect(self._parameters)
            try:
                database.execute(conn, statements.VACUUM)
                ((left,),) = database.execute(conn, statements.DEAD_ROWS)
            finally:
                database.close(conn)
        except database.ERRORS as error:
            logger.warning("could not vacuum the queue, trying again: %s", str(error).strip())
            left = dead
        now = time.monotonic()
        if left * 2 > dead:
            self._pause = min(max(self._pause * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        else:
            self._pause = 0.0
        self._rest_until = now + max(self._pause, (now - began) / _SHARE)
