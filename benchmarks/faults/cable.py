"""A TCP path to a server that can go dead without closing anything."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Self
from urllib.parse import urlsplit

_START_SECONDS = 10.0
_CHUNK_BYTES = 65_536


class Cable:
    """Forwards connections to the server of a URL; while cut, nothing passes in either direction and nothing closes.

    What was sent meanwhile arrives after `mend`, as TCP would repeat it.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="cable", daemon=True)
        self._ready = threading.Event()
        self._connections: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise TimeoutError("the cable did not come up")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """The URL that leads through this cable."""
        credentials, _, _ = self._target.netloc.rpartition("@")
        return self._target._replace(netloc=f"{credentials}@127.0.0.1:{self._port}").geturl()

    def cut(self) -> None:
        """Stop forwarding."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Forward again."""
        self._loop.call_soon_threadsafe(self._whole.set)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._whole = asyncio.Event(), asyncio.Event()
        self._whole.set()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection, "the server makes a task of every connection"
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        # Cancelled when the cable is taken away.
        with contextlib.suppress(asyncio.CancelledError, ConnectionError), contextlib.closing(writer):
            await self._whole.wait()
            to_reader, to_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
            with contextlib.closing(to_writer):
                await asyncio.gather(self._forward(reader, to_writer), self._forward(to_reader, writer))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await self._read(reader):
            writer.write(data)
            await writer.drain()
        # The other direction ends by itself once its peer has read this end.
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        data = await reader.read(_CHUNK_BYTES)
        await self._whole.wait()
        return data
