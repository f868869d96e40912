"""The HTTP server, which ends its open streams when it stops."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from reports_gateway.connection import Connection
from reports_gateway.watches import Watches

_GRACE_SECONDS = 150
"""Backstop; longer than the deadline of any call, so that a stop never cuts one off."""
_UNREAD_SECONDS = 60.0
"""A client that takes nothing for so long is gone or stuck; a slow one takes a little now and then."""


class GatewayServer(uvicorn.Server):
    """uvicorn, with streams that end at a stop and signals that end the process with status 0."""

    def __init__(self, app: FastAPI, watches: Watches, *, patience_seconds: float = 10) -> None:
        """Take the application and its open watches.

        `patience_seconds` is how long a stop waits for clients that do not read what they asked for.
        """
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                lifespan="off",
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._watches = watches
        self._patience_seconds = patience_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the wish to stop. uvicorn's own method also raises the signal again after the stop."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._watches.end()
        stopping = asyncio.ensure_future(super().shutdown(sockets))
        await asyncio.wait({stopping}, timeout=self._patience_seconds)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await stopping


def listen(address: str, *, unread_seconds: float = _UNREAD_SECONDS) -> socket.socket:
    """Return a socket that listens at `host:port`; raise OSError when that is not possible.

    A client that takes nothing for `unread_seconds` of what is sent to it is cut off.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, int(port)), family=family, backlog=2048)
    # Its connections inherit this. Only Linux has it: elsewhere such a client stays, with what one write holds.
    if sys.platform == "linux":
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(unread_seconds * 1000))
    return listening


def url(listening: socket.socket) -> str:
    """Return the address that the socket took."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
