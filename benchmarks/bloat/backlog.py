"""A claim from a million waiting messages against one from a queue that is all but empty."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from benchmarks.bloat.figures import Figure
from benchmarks.bloat.messages import Publisher, consuming
from benchmarks.bloat.progress import Progress
from benchmarks.bloat.server import Server

_SHORT, _LONG = "short", "long"
_BATCH = 1_000
_CLAIMS = 2_000
# So many messages are in the short queue at most.
_FEW = 20


class _Take(Protocol):
    def __call__(self, count: int, /) -> None: ...


def measure(messages: int, progress: Progress) -> list[Figure]:
    """Claim message by message, before and after so many are published."""
    with Server() as server:
        with (
            Publisher(server.url, _SHORT) as publisher,
            _consumer(server, _SHORT) as take,
            server.recording() as alone,
        ):
            for _ in range(_CLAIMS // _FEW):
                publisher.publish_many(_FEW)
                take(_FEW)
        with Publisher(server.url, _LONG) as publisher:
            for published in range(_BATCH, messages + _BATCH, _BATCH):
                publisher.publish_many(_BATCH)
                progress.tell(f"{published} messages published")
        with _consumer(server, _LONG) as take:
            with server.recording() as fresh:
                take(_CLAIMS)
            server.analyze()
            with server.recording() as analyzed:
                take(_CLAIMS)
    empty, deep, known = (statistics.median(recording.claims) for recording in (alone, fresh, analyzed))
    return [
        Figure("median claim, empty queue", empty, "ms"),
        Figure("median claim, backlog just published", deep, "ms"),
        Figure("against empty", deep / empty, "x", at_most=2),
        Figure("median claim, backlog after ANALYZE", known, "ms"),
        Figure("against empty", known / empty, "x", at_most=2),
    ]


@contextmanager
def _consumer(server: Server, queue: str) -> Iterator[_Take]:
    """Yield what consumes so many messages, one at a time."""
    consumed = 0

    def count() -> None:
        nonlocal consumed
        consumed += 1

    def take(wanted: int) -> None:
        until = consumed + wanted
        while consumed < until:
            turn()

    with consuming(server.url, queue, prefetch=1, on_message=count) as turn:
        yield take
