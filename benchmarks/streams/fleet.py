"""Servers of ours on one port, of which one after another is killed and started again."""

from __future__ import annotations

import itertools
import socket
from typing import Self

from benchmarks.streams import servers
from benchmarks.streams.stage import Stage
from reports_dev.processes import Process


class Fleet:
    """So many servers while the context is entered; entered means that they were started, not that they listen."""

    def __init__(self, here: Stage, count: int) -> None:
        self._here = here
        self._count = count
        self._names = itertools.count(1)
        self._processes: list[Process] = []

    def __enter__(self) -> Self:
        # Bound and never listening: nobody else takes the port while no server has it.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reserved.bind(("127.0.0.1", 0))
        for _ in range(self._count):
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.stop()
        self._reserved.close()

    @property
    def address(self) -> str:
        """Where all of them listen."""
        return f"127.0.0.1:{self._port}"

    @property
    def _port(self) -> int:
        return int(self._reserved.getsockname()[1])

    def replace_oldest(self) -> None:
        """Kill the server that runs for the longest time, and start another one."""
        self._processes.pop(0).kill()
        self._start()

    def _start(self) -> None:
        name = f"server-{next(self._names)}"
        process = servers.our_process(
            self._here.url, self._here.folder, name=name, port=self._port, share_port=self._count > 1
        )
        process.start()
        self._processes.append(process)
