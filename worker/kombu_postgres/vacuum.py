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

_ROWS_PER_MESSAGE = 2
"""A message that is done leaves two versions of its row, unclaimed and claimed."""
_SHARE = 0.3
_STATISTICS_AT_ONCE = 150000
"""The version of PostgreSQL since which statistics are shared memory; before, they may be half a second old."""
_STATISTICS_SECONDS = 0.6
_FIRST_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 300.0


class Vacuum:
    """Vacuums in a thread and a connection of its own, for three tenths of the time at most.

    It begins when the statistics show enough dead rows, or when this consumer alone has left so many: statistics come a
    second late. While an old transaction keeps the rows from being removed, vacuuming is useless, so it pauses longer
    and longer.
    """

    def __init__(self, parameters: Mapping[str, Any], after_rows: int) -> None:
        self._parameters = parameters
        self._after_rows = after_rows
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._own = 0
        self._counted_from = 0.0
        self._pause = 0.0
        self._rest_until = 0.0

    def settled(self, messages: int) -> None:
        """Count messages that this consumer has done."""
        if not self._own:
            self._counted_from = time.monotonic()
        self._own += messages
        if self._own * _ROWS_PER_MESSAGE >= self._after_rows:
            self._begin(self._own * _ROWS_PER_MESSAGE)

    def consider(self, run: Callable[..., list[Any]]) -> None:
        """Begin when the statistics say so; `run` looks them up, unless this consumer has done next to nothing."""
        if self._own * 4 >= self._after_rows and time.monotonic() >= self._rest_until:
            ((dead,),) = run(statements.DEAD_ROWS)
            if dead >= self._after_rows:
                self._begin(dead)

    def _begin(self, dead: int) -> None:
        with self._lock:
            if time.monotonic() < self._rest_until or (self._thread is not None and self._thread.is_alive()):
                return
            self._own = 0
            per_second = dead / max(time.monotonic() - self._counted_from, 0.001)
            self._thread = threading.Thread(
                target=self._vacuum, args=(dead, per_second), name="kombu-postgres-vacuum", daemon=True
            )
            self._thread.start()

    def _vacuum(self, dead: int, per_second: float) -> None:
        began = time.monotonic()
        try:
            conn = database.connect(self._parameters)
            try:
                database.execute(conn, statements.VACUUM)
                seconds = time.monotonic() - began
                if conn.server_version < _STATISTICS_AT_ONCE:
                    time.sleep(_STATISTICS_SECONDS)
                ((left,),) = database.execute(conn, statements.DEAD_ROWS)
            finally:
                database.close(conn)
        except database.ERRORS as error:
            logger.warning("could not vacuum the queue, trying again: %s", str(error).strip())
            left, seconds = dead, 0.0
        now = time.monotonic()
        # What was left behind while it ran is not its failure.
        if (left - per_second * (now - began)) * 2 > dead:
            self._pause = min(max(self._pause * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        else:
            self._pause = 0.0
        self._rest_until = now + max(self._pause, seconds / _SHARE - seconds)
