"""A million messages through a short queue: its size stays bounded, and a claim costs the same at the end."""

from __future__ import annotations

import statistics
import time

from benchmarks.bloat.figures import Figure
from benchmarks.bloat.flow import Flow, in_bulk
from benchmarks.bloat.progress import Progress
from benchmarks.bloat.server import Server

_QUEUE = "throughput"
# The limit is 10,000.
_DEPTH = 9_000
_PREFETCH = 100
# Claims are timed during so many messages, at the start and at the end.
_WINDOW = 20_000
_SAMPLE_SECONDS = 0.5
_MEGABYTE = 2**20


class _Watch:
    """Follows a flow, and samples the size of the queue meanwhile."""

    def __init__(self, server: Server, flow: Flow, progress: Progress) -> None:
        self.sizes: list[int] = []
        self._server = server
        self._flow = flow
        self._progress = progress

    def until(self, consumed: int) -> None:
        """Return when so many messages were consumed."""
        while self._flow.consumed < consumed:
            self._flow.require_running()
            time.sleep(_SAMPLE_SECONDS)
            self.sizes.append(self._server.size())
            self._progress.tell(
                f"{self._flow.consumed} messages consumed, {self._flow.depth} waiting, "
                f"{self.sizes[-1] / _MEGABYTE:.0f} MB"
            )


def measure(messages: int, progress: Progress) -> list[Figure]:
    """Let so many messages through."""
    window = min(_WINDOW, messages // 10)
    with Server() as server, Flow(server.url, _QUEUE, prefetch=_PREFETCH, publish=in_bulk(_DEPTH)) as flow:
        watch = _Watch(server, flow, progress)
        watch.until(window)
        with server.recording() as first:
            watch.until(2 * window)
        started = time.monotonic()
        watch.until(messages - window)
        rate = (messages - 3 * window) / (time.monotonic() - started)
        with server.recording() as last:
            watch.until(messages)
    start, end = statistics.median(first.claims), statistics.median(last.claims)
    return [
        Figure("largest size of all tables and indexes", max(watch.sizes) / _MEGABYTE, "MB", at_most=64),
        Figure("median claim at the start", start, "ms"),
        Figure("median claim at the end", end, "ms"),
        Figure("end against start", end / start, "x", at_most=1.2),
        Figure("consumed per second", rate),
    ]
