"""A transaction that keeps every dead row in place, while messages pass through the queue."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psycopg2

from benchmarks.bloat.figures import Figure, percentile
from benchmarks.bloat.flow import Flow, steadily
from benchmarks.bloat.progress import Progress
from benchmarks.bloat.server import Recording, Server

_QUEUE = "horizon"
_PER_SECOND = 500
_PREFETCH = 4
# Claims are timed for so long at the start and at the end, or a tenth of the time when that is shorter.
_WINDOW_SECONDS = 30.0
_SETTLE_SECONDS = 3.0
_SAMPLE_SECONDS = 0.5
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ"
# A report that takes long, and a migration or an import that does.
_READING = "SELECT count(*) FROM pg_class"
_WRITING = "SELECT pg_current_xact_id()"


def measure_reading(seconds: float, progress: Progress) -> list[Figure]:
    """Let the transaction only read."""
    return _measure(_READING, seconds, progress)


def measure_writing(seconds: float, progress: Progress) -> list[Figure]:
    """Let the transaction have an id, as one that writes."""
    return _measure(_WRITING, seconds, progress)


def _measure(pin: str, seconds: float, progress: Progress) -> list[Figure]:
    window = min(_WINDOW_SECONDS, seconds / 10)
    with (
        Server() as server,
        Flow(server.url, _QUEUE, prefetch=_PREFETCH, publish=steadily(_PER_SECOND)) as flow,
    ):
        _let_pass(flow, _SETTLE_SECONDS, progress)
        with _pinned(server, pin):
            with server.recording() as first:
                _let_pass(flow, window, progress)
            _let_pass(flow, seconds - 2 * window, progress)
            with server.recording() as last:
                _let_pass(flow, window, progress)
            depth = flow.depth
    return [
        *_of(first, "start"),
        *_of(last, "end"),
        Figure("p99 at the end against the start", _p99(last) / _p99(first), "x", at_most=3),
        Figure("messages waiting at the end", depth),
    ]


def _let_pass(flow: Flow, seconds: float, progress: Progress) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        flow.require_running()
        progress.tell(f"{flow.consumed} messages consumed, {flow.depth} waiting")
        time.sleep(_SAMPLE_SECONDS)


@contextlib.contextmanager
def _pinned(server: Server, statement: str) -> Iterator[None]:
    with contextlib.closing(psycopg2.connect(server.url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"{_BEGIN}; {statement}")
        yield


def _of(recording: Recording, when: str) -> list[Figure]:
    return [
        Figure(f"median claim at the {when}", percentile(recording.claims, 50), "ms"),
        Figure(f"p99 at the {when}", _p99(recording), "ms"),
        Figure(f"slowest at the {when}", max(recording.claims), "ms"),
    ]


def _p99(recording: Recording) -> float:
    return percentile(recording.claims, 99)
