"""Ends a blocking stream that has been silent for too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

_Message = TypeVar("_Message")
_Message_co = TypeVar("_Message_co", covariant=True)

_CHECKS_PER_LIMIT = 10


class _Call(Protocol[_Message_co]):
    def __next__(self) -> _Message_co: ...
    def cancel(self) -> bool: ...


class Watchdog(Generic[_Message]):
    """Cancels `call` when it brings nothing for `limit_seconds`; `barked` is true from then on.

    grpc's blocking stream has no timeout for a single message. Only the time spent waiting counts, not what the reader
    does between two messages.
    """

    def __init__(self, call: _Call[_Message], limit_seconds: float) -> None:
        self.barked = False
        self._call = call
        self._limit = limit_seconds
        self._waiting_since: float | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="fna-reports-watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def messages(self) -> Iterator[_Message]:
        """Yield the messages of the call until it ends; raises what the call raises."""
        while True:
            self._waiting_since = time.monotonic()
            try:
                message = next(self._call)
            except StopIteration:
                return
            self._waiting_since = None
            yield message

    def _watch(self) -> None:
        while not self._stopped.wait(self._limit / _CHECKS_PER_LIMIT):
            since = self._waiting_since
            if since is not None and time.monotonic() - since >= self._limit:
                self.barked = True
                self._call.cancel()
                return
