"""How long a watch puts up with a server that is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import grpc

from fna.reports._backoff import Backoff
from fna.reports.errors import DeadlineExceededError, ReportsError, UnavailableError

# How a proxy or a killed server may end a stream. Without a reason they are not the server's word; they are believed
# when they come at once, and taken for a cut when the stream worked before.
_CUTS = frozenset(
    {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
)


class Interruptions:
    """Decides after each end of a stream that was none whether it is called again, and when.

    `timeout` bounds the time until the stream has delivered anything at all, `reconnect_timeout` every later
    interruption, `within` everything together; None means for ever.
    """

    def __init__(
        self,
        timeout: timedelta,
        reconnect_timeout: timedelta | None,
        within: timedelta | None = None,
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience: timedelta | None = timeout
        self._reconnect_timeout = reconnect_timeout
        self._within = within
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._began_at = clock()
        self._down_since: float | None = self._began_at
        self._worked = False

    def remaining(self) -> float | None:
        """Return the seconds that are left for everything; None when there is no bound."""
        if self._within is None:
            return None
        return max(self._began_at + self._within.total_seconds() - self._clock(), 0.0)

    def over(self) -> None:
        """Note that something came, which ends an interruption."""
        if self._down_since is not None:
            self._down_since = None
            self._worked = True
            self._patience = self._reconnect_timeout
            self._backoff.reset()

    def require(self, error: ReportsError) -> None:
        """Raise `error` unless it is an interruption, rather than the server's word."""
        if isinstance(error, UnavailableError):
            return
        if self._worked and error.retry_delay is not None:
            return  # The server has no room for this watch just now, and says when to come again.
        if error.code not in _CUTS or error.reason or self._down_since is not None:
            raise error

    def wait_after(self, error: ReportsError) -> float:
        """Return the seconds to wait before the next call.

        Raises: `error` itself when the server was away for too long; `DeadlineExceededError` when no time is left.
        """
        now = self._clock()
        if self._down_since is None:
            self._down_since = now
        seconds = self._backoff.wait(error.retry_delay)
        self._require_time(seconds)
        down_for = now - self._down_since
        if self._patience is not None and down_for + seconds >= self._patience.total_seconds():
            raise error
        return seconds

    def _require_time(self, seconds: float) -> None:
        remaining = self.remaining()
        if self._within is not None and remaining is not None and seconds >= remaining:
            raise DeadlineExceededError(
                f"it was not over within {self._within.total_seconds():g} s",
                code=grpc.StatusCode.DEADLINE_EXCEEDED,
            )
