"""Wakes a loop that waits for file descriptors, from any thread."""

from __future__ import annotations

import socket
import threading


class Doorbell:
    """A pair of sockets, made when somebody listens: one is rung, the other becomes readable."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._rings = False

    def fileno(self) -> int:
        """Return what becomes readable when the bell rings, or rang before."""
        with self._lock:
            if self._pair is None:
                self._pair = socket.socketpair()
                for end in self._pair:
                    end.setblocking(False)
                if self._rings:
                    self._pair[1].send(b"\0")
            return self._pair[0].fileno()

    def ring(self) -> None:
        with self._lock:
            if not self._rings and self._pair is not None:
                self._pair[1].send(b"\0")
            self._rings = True

    def answer(self) -> None:
        """Stop the ringing, before looking why it rang."""
        with self._lock:
            if self._rings and self._pair is not None:
                self._pair[0].recv(1)
            self._rings = False

    def close(self) -> None:
        with self._lock:
            for end in self._pair or ():
                end.close()
            self._pair = None
