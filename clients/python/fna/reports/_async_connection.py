"""The connection of the asyncio client: calls that are made again, and streams that are continued."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import grpc
from grpc import aio

from fna.reports._async_watchdog import AsyncWatchdog
from fna.reports._attempts import Attempts
from fna.reports._channel import closed, not_connected, options
from fna.reports._connection import OnInterruption
from fna.reports._identity import Identity
from fna.reports._interruptions import Interruptions
from fna.reports._status import error_of
from fna.reports._tasks import is_cancelled
from fna.reports._watch import Decisions, silent
from fna.reports.errors import DataLossError
from fna.reports.v1.batch_pb2 import BatchEvent

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class AsyncConnection:
    """A channel with the options of a client; the methods are those of `Connection`."""

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
            self.channel = aio.insecure_channel(target, options(target))
        else:
            self.channel = aio.secure_channel(target, credentials, options(target))

    async def close(self) -> None:
        self._closed = True
        await self.channel.close()

    async def connect(self, within: timedelta) -> None:
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self.channel.channel_ready()
        except TimeoutError:
            raise not_connected(self.target, within) from None

    async def call(
        self,
        method: aio.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        within: timedelta | None = None,
    ) -> _Response:
        return await self.attempt(lambda timeout, metadata: method(request, timeout=timeout, metadata=metadata), within)

    async def call_once(self, method: aio.UnaryUnaryMultiCallable[_Request, _Response], request: _Request) -> _Response:
        try:
            with self._unless_closed():
                return await method(request, timeout=self._timeout.total_seconds(), metadata=self.metadata())
        except grpc.RpcError as failure:
            raise error_of(failure) from failure

    async def attempt(
        self,
        attempt: Callable[[float, tuple[tuple[str, str], ...]], Awaitable[_Response]],
        within: timedelta | None = None,
    ) -> _Response:
        attempts = Attempts(min(self._timeout, within or self._timeout))
        while True:
            try:
                with self._unless_closed():
                    return await attempt(attempts.remaining(), self.metadata())
            except grpc.RpcError as failure:
                error = error_of(failure)
            await asyncio.sleep(attempts.wait_after(error))

    def interruptions(self, within: timedelta | None) -> Interruptions:
        return Interruptions(self._timeout, self._reconnect_timeout, within)

    async def follow(
        self,
        method: aio.UnaryStreamMultiCallable[_Request, _Response],
        begin: Callable[[], Awaitable[Decisions[_Request, _Response]]],
        on_interruption: OnInterruption | None,
    ) -> AsyncGenerator[BatchEvent, None]:
        decisions = await begin()
        limit = decisions.silence_limit_seconds
        while True:
            with self._unless_closed():
                call = method(decisions.request(), timeout=decisions.remaining(), metadata=self.metadata())
            try:
                with self._unless_closed(), AsyncWatchdog(call, limit) as watchdog:
                    while (response := await watchdog.read()) is not None:
                        for event in decisions.take(response):
                            yield event
                        decisions.check()
                return
            except grpc.RpcError as failure:
                error = error_of(failure)
            except TimeoutError:
                error = silent(limit)
            except DataLossError as gap:
                error = gap
            finally:
                call.cancel()
            seconds = decisions.wait_after(error)
            if on_interruption is not None:
                on_interruption(error)
            await asyncio.sleep(seconds)

    @contextmanager
    def _unless_closed(self) -> Iterator[None]:
        """Raise that the client is closed, instead of what grpc raises then: as if somebody had cancelled the task."""
        if self._closed:
            raise closed()
        try:
            yield
        except asyncio.CancelledError:
            if self._closed and not is_cancelled():
                raise closed() from None
            raise
