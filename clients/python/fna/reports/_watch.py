"""The decisions of a watch of one batch: what to hand out, when to call again, and where to continue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from fna.reports._interruptions import Interruptions
from fna.reports._position import Position
from fna.reports.errors import DataLossError, ReportsError, UnavailableError
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest, WatchBatchResponse

_DEFAULT_HEARTBEAT_INTERVAL = timedelta(seconds=15)  # That of the contract, when the request sets none.
_SILENT_INTERVALS = 3
_GAPS_IN_A_ROW = 3
_SEQUENCE_COMPACTED = "SEQUENCE_COMPACTED"
_SEQUENCE_GAP = "SEQUENCE_GAP"

_Request_co = TypeVar("_Request_co", covariant=True)
_Response_contra = TypeVar("_Response_contra", contravariant=True)


class Decisions(Protocol[_Request_co, _Response_contra]):
    """What both clients do between two messages of a stream, without the waiting.

    A loop asks `request()` for the next call, passes every message to `take()` and then calls `check()`, and hands what
    these or the call raise to `wait_after()`, which says how long to wait before the next call.
    """

    @property
    def silence_limit_seconds(self) -> float:
        """After so long without a message the connection is taken for dead."""

    def remaining(self) -> float | None:
        """Return the seconds that are left for the whole watch; None when there is no bound."""

    def request(self) -> _Request_co:
        """Return the request of the next call, which continues after the last event that was handed out."""

    def take(self, response: _Response_contra, /) -> Sequence[BatchEvent]:
        """Return what to hand out of a message."""

    def check(self) -> None:
        """Raise `DataLossError` when the stream left out an event, so that it is dropped and resumed."""

    def wait_after(self, error: ReportsError) -> float:
        """Return the seconds to wait before the next call.

        Raises: `error` itself when another call does not help, or the server was away for too long;
        `DeadlineExceededError` when no time is left.
        """


class Watch:
    """The decisions of a watch of one batch."""

    def __init__(self, request: WatchBatchRequest, interruptions: Interruptions) -> None:
        self._request = WatchBatchRequest()
        self._request.CopyFrom(request)
        self._position = Position(
            request.after_sequence if request.HasField("after_sequence") else None,
            gapless=not request.exclude_item_events,
        )
        self._interruptions = interruptions
        self._gaps = 0

    @property
    def silence_limit_seconds(self) -> float:
        return silence_limit_seconds(self._request.heartbeat_interval)

    def remaining(self) -> float | None:
        return self._interruptions.remaining()

    def request(self) -> WatchBatchRequest:
        self._position.resume()
        if self._position.last is None:
            self._request.ClearField("after_sequence")
        else:
            self._request.after_sequence = self._position.last
        return self._request

    def take(self, response: WatchBatchResponse, /) -> Sequence[BatchEvent]:
        self._interruptions.over()
        before = self._position.last
        events = self._position.take(response.events)
        if self._position.last != before:
            self._gaps = 0
        if events and not self._request.task_id:
            # Else a watch that is cut just before a retry of the batch would go on with the next execution.
            self._request.task_id = events[0].snapshot.task_id
        return events

    def check(self) -> None:
        if self._position.gap is not None:
            raise DataLossError(
                f"the stream went from event {self._position.last} to event {self._position.gap}",
                code=grpc.StatusCode.DATA_LOSS,
                reason=_SEQUENCE_GAP,
            )

    def wait_after(self, error: ReportsError) -> float:
        if error.reason == _SEQUENCE_COMPACTED and self._position.last is not None:
            self._position.restart()
        elif error.reason == _SEQUENCE_GAP:
            self._gaps += 1
            if self._gaps >= _GAPS_IN_A_ROW:
                raise error
        else:
            self._interruptions.require(error)
        return self._interruptions.wait_after(error)


def silence_limit_seconds(heartbeat_interval: Duration) -> float:
    """Return how long a stream may be silent that was asked for heartbeats at this interval, 0 for the default."""
    return _SILENT_INTERVALS * (heartbeat_interval.ToTimedelta() or _DEFAULT_HEARTBEAT_INTERVAL).total_seconds()


def silent(limit_seconds: float) -> ReportsError:
    """Return the error for a connection that was silent for too long."""
    return UnavailableError(
        f"the server sent nothing for {limit_seconds:g} s, not even a heartbeat", code=grpc.StatusCode.UNAVAILABLE
    )
