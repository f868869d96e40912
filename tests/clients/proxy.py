"""A TCP proxy that does to connections what networks do."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from enum import Enum, auto
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a socket that is closed with RST."""


class Weather(Enum):
    """What becomes of the bytes of a connection."""

    CLEAR = auto()
    """They pass."""
    FROZEN = auto()
    """Those for the client are lost; who sends is reset, as by a firewall that has forgotten the connection."""
    SWALLOWING = auto()
    """Those for the client are lost."""
    HOLDING = auto()
    """All are lost."""


class _Connection:
    """One connection of a client, and ours to the server for it."""

    def __init__(self, client: socket.socket, server: socket.socket, weather: Weather) -> None:
        self.weather = weather
        self._sockets = (client, server)
        self._threads = [
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True),
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def reset(self) -> None:
        """End it without a word."""
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(10)

    def _pump(self, source: socket.socket, target: socket.socket, outward: bool) -> None:
        try:
            self._pass_on(source, target, outward)
        except OSError:
            # One end was reset, or we did it: so is the other, unless nothing passes.
            if self.weather is Weather.CLEAR:
                self.reset()

    def _pass_on(self, source: socket.socket, target: socket.socket, outward: bool) -> None:
        while chunk := source.recv(_CHUNK_BYTES):
            if self.weather is Weather.CLEAR or (self.weather is Weather.SWALLOWING and outward):
                target.sendall(chunk)
            elif self.weather is Weather.FROZEN and outward:
                self.reset()
                return
        if self.weather is Weather.CLEAR:
            target.shutdown(socket.SHUT_WR)
        elif outward:
            self.reset()


class Proxy:
    """Passes connections to `target` (host:port) on, from `address`, while it is entered."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener: socket.socket | None = None
        self._port = 0
        self._new = Weather.CLEAR
        self._connections: list[_Connection] = []
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.refuse()

    def cut(self) -> None:
        """Reset all connections."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            connection.reset()
        for connection in connections:
            connection.join()

    def freeze(self) -> None:
        """Let nothing more pass through the open connections, whose ends are not told; new ones are as usual."""
        self._set(Weather.FROZEN)

    def swallow(self) -> None:
        """Lose what the server answers on the open connections."""
        self._set(Weather.SWALLOWING)

    def hold(self) -> None:
        """Let nothing pass, on connections that are open or will be."""
        self._new = Weather.HOLDING
        self._set(Weather.HOLDING)

    def refuse(self) -> None:
        """Reset all connections and take no new ones."""
        if self._listener is not None:
            # Wakes the thread that accepts.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def restore(self) -> None:
        """Let new connections pass; those that were held are reset."""
        self._new = Weather.CLEAR
        if self._listener is None:
            self._listen()
        with self._lock:
            unwell = [connection for connection in self._connections if connection.weather is not Weather.CLEAR]
        for connection in unwell:
            connection.reset()

    def _set(self, weather: Weather) -> None:
        with self._lock:
            for connection in self._connections:
                connection.weather = weather

    def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, 10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.append(_Connection(client, server, self._new))
