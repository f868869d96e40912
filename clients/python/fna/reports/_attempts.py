"""The attempts of one call, within its timeout."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from fna.reports._backoff import Backoff
from fna.reports.errors import ReportsError, UnavailableError


class Attempts:
    """Decides after each failed attempt whether there is another one, and when.

    Only UNAVAILABLE is tried again: it is safe for every call of the service, since reads change nothing, writes carry
    a `request_id` or are idempotent by themselves, and receivers know a webhook that comes twice by its id.
    """

    def __init__(
        self,
        timeout: timedelta,
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._ends_at = clock() + timeout.total_seconds()

    def remaining(self) -> float:
        """Return the seconds left for the call, waits included."""
        return self._ends_at - self._clock()

    def wait_after(self, error: ReportsError) -> float:
        """Return the seconds to wait before the next attempt.

        Raises: `error` itself when another attempt does not help or comes too late.
        """
        if not isinstance(error, UnavailableError):
            raise error
        seconds = self._backoff.wait(error.retry_delay)
        if seconds >= self.remaining():
            raise error
        return seconds
