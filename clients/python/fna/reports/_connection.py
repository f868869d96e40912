"""The connection of the blocking client: calls that are made again, and streams that are continued."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import TypeVar

import grpc

from fna.reports._attempts import Attempts
from fna.reports._channel import closed, not_connected, options
from fna.reports._identity import Identity
from fna.reports._interruptions import Interruptions
from fna.reports._status import error_of
from fna.reports._watch import Decisions, silent
from fna.reports._watchdog import Watchdog
from fna.reports.errors import DataLossError, ReportsError
from fna.reports.v1.batch_pb2 import BatchEvent

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
OnInterruption = Callable[[ReportsError], None]


class Connection:
    """A channel with the options of a client."""

    def __init__(
        self,
        target: str,
        credentials: grpc.ChannelCredentials | None,
        identity: Identity,
        timeout: timedelta,
        reconnect_timeout: timedelta | None,
    ) -> None:
        self.target = target
        self.metadata = identity.metadata
        self._timeout = timeout
        self._reconnect_timeout = reconnect_timeout
        self._closed = False
        if credentials is None:
            self.channel = grpc.insecure_channel(target, options(target))
        else:
            self.channel = grpc.secure_channel(target, credentials, options(target))

    def close(self) -> None:
        self._closed = True
        self.channel.close()

    def connect(self, within: timedelta) -> None:
        """Wait until the connection is up; raises `UnavailableError` when it is not in time."""
        ready = grpc.channel_ready_future(self.channel)
        try:
            ready.result(within.total_seconds())
        except grpc.FutureTimeoutError:
            ready.cancel()
            raise not_connected(self.target, within) from None

    def call(
        self,
        method: grpc.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        within: timedelta | None = None,
    ) -> _Response:
        """Make a call, again after UNAVAILABLE, and return its response; `within` may shorten the client's timeout."""
        return self.attempt(lambda timeout, metadata: method(request, timeout=timeout, metadata=metadata), within)

    def call_once(self, method: grpc.UnaryUnaryMultiCallable[_Request, _Response], request: _Request) -> _Response:
        """Make a call, whose first failure is the answer, and return its response."""
        self._require_open()
        try:
            return method(request, timeout=self._timeout.total_seconds(), metadata=self.metadata())
        except grpc.RpcError as failure:
            raise error_of(failure) from failure

    def attempt(
        self, attempt: Callable[[float, tuple[tuple[str, str], ...]], _Response], within: timedelta | None = None
    ) -> _Response:
        """Return what `attempt` returns, which is given its timeout and metadata and made again after UNAVAILABLE."""
        attempts = Attempts(min(self._timeout, within or self._timeout))
        while True:
            self._require_open()
            try:
                return attempt(attempts.remaining(), self.metadata())
            except grpc.RpcError as failure:
                error = error_of(failure)
            time.sleep(attempts.wait_after(error))

    def interruptions(self, within: timedelta | None) -> Interruptions:
        """Return how long a watch of this client puts up with a server that is away."""
        return Interruptions(self._timeout, self._reconnect_timeout, within)

    def follow(
        self,
        method: grpc.UnaryStreamMultiCallable[_Request, _Response],
        begin: Callable[[], Decisions[_Request, _Response]],
        on_interruption: OnInterruption | None,
    ) -> Generator[BatchEvent, None, None]:
        """Yield the events of a stream, calling again as the decisions say that `begin` returns.

        It is called when the first event is asked for: the time until then counts for nothing.
        """
        decisions = begin()
        limit = decisions.silence_limit_seconds
        while True:
            self._require_open()
            call = method(decisions.request(), timeout=decisions.remaining(), metadata=self.metadata())
            watchdog = Watchdog(call, limit)
            try:
                with watchdog:
                    for response in watchdog.messages():
                        yield from decisions.take(response)
                        decisions.check()
                return
            except grpc.RpcError as failure:
                error = silent(limit) if watchdog.barked else error_of(failure)
            except DataLossError as gap:
                error = gap
            finally:
                call.cancel()
            self._require_open()
            seconds = decisions.wait_after(error)
            if on_interruption is not None:
                on_interruption(error)
            time.sleep(seconds)

    def _require_open(self) -> None:
        if self._closed:
            raise closed()
