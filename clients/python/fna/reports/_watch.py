"""The decisions of one watch: what to hand out, when to connect again, and where to continue."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import grpc

from fna.reports._backoff import Backoff
from fna.reports._position import Position
from fna.reports.errors import DataLossError, ReportsError, UnavailableError
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest, WatchBatchResponse

_DEFAULT_HEARTBEAT_INTERVAL = timedelta(seconds=15)  # That of the contract, when the request sets none.
_SILENT_INTERVALS = 3
_GAPS_IN_A_ROW = 3
_SEQUENCE_COMPACTED = "SEQUENCE_COMPACTED"
_SEQUENCE_GAP = "SEQUENCE_GAP"

# How a proxy or a killed server may end a stream. Without a reason they are not the server's word; they are believed
# when they come at once, and taken for a cut when the stream worked before.
_CUTS = frozenset(
    {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
)


class Watch:
    """What both clients do between two messages of a stream, without the waiting.

    A loop asks `request()` for the next call, passes every message to `take()` and then calls `check()`, and hands what
    these or the call raise to `wait_after()`, which says how long to wait before the next call.
    `timeout` bounds the time until the stream has delivered anything at all, `reconnect_timeout` every later
    interruption; None means for ever.
    """

    def __init__(
        self,
        request: WatchBatchRequest,
        *,
        timeout: timedelta,
        reconnect_timeout: timedelta | None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._request = WatchBatchRequest()
        self._request.CopyFrom(request)
        self._position = Position(
            request.after_sequence if request.HasField("after_sequence") else None,
            gapless=not request.exclude_item_events,
        )
        self._patience: timedelta | None = timeout
        self._reconnect_timeout = reconnect_timeout
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._down_since: float | None = clock()
        self._gaps = 0

    @property
    def silence_limit_seconds(self) -> float:
        """After so long without a message the connection is taken for dead."""
        asked = self._request.heartbeat_interval.ToTimedelta()
        return _SILENT_INTERVALS * (asked or _DEFAULT_HEARTBEAT_INTERVAL).total_seconds()

    def request(self) -> WatchBatchRequest:
        """Return the request of the next call, which continues after the last event that was handed out."""
        self._position.resume()
        if self._position.last is None:
            self._request.ClearField("after_sequence")
        else:
            self._request.after_sequence = self._position.last
        return self._request

    def take(self, response: WatchBatchResponse) -> list[BatchEvent]:
        """Return what to hand out of a message."""
        self._down_since = None
        self._patience = self._reconnect_timeout
        self._backoff.reset()
        before = self._position.last
        events = self._position.take(response.events)
        if self._position.last != before:
            self._gaps = 0
        if events and not self._request.task_id:
            # Else a watch that is cut just before a retry of the batch would go on with the next execution.
            self._request.task_id = events[0].snapshot.task_id
        return events

    def check(self) -> None:
        """Raise `DataLossError` when the stream left out an event, so that it is dropped and resumed."""
        if self._position.gap is not None:
            raise DataLossError(
                f"the stream went from event {self._position.last} to event {self._position.gap}",
                code=grpc.StatusCode.DATA_LOSS,
                reason=_SEQUENCE_GAP,
            )

    def silent(self) -> ReportsError:
        """Return the error for a connection that was silent for `silence_limit_seconds`."""
        return UnavailableError(
            f"the server sent nothing for {self.silence_limit_seconds:g} s, not even a heartbeat",
            code=grpc.StatusCode.UNAVAILABLE,
        )

    def wait_after(self, error: ReportsError) -> float:
        """Return the seconds to wait before the next call.

        Raises: `error` itself when another call does not help, or the server was away for too long.
        """
        if error.reason == _SEQUENCE_COMPACTED and self._position.last is not None:
            self._position.restart()
        elif error.reason == _SEQUENCE_GAP:
            self._gaps += 1
            if self._gaps >= _GAPS_IN_A_ROW:
                raise error
        elif not self._is_interruption(error):
            raise error
        return self._wait(error)

    def _is_interruption(self, error: ReportsError) -> bool:
        if isinstance(error, UnavailableError):
            return True
        return error.code in _CUTS and not error.reason and self._down_since is None

    def _wait(self, error: ReportsError) -> float:
        now = self._clock()
        if self._down_since is None:
            self._down_since = now
        seconds = self._backoff.wait(error.retry_delay)
        down_for = now - self._down_since
        if self._patience is not None and down_for + seconds >= self._patience.total_seconds():
            raise error
        return seconds
