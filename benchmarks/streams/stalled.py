"""A watcher that reads nothing for long while much happens: what the server keeps for it, and how it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.streams import servers
from benchmarks.streams.arrivals import evenly
from benchmarks.streams.child import Child
from benchmarks.streams.figures import Figure
from benchmarks.streams.plan import Plan
from benchmarks.streams.reader import Reader
from benchmarks.streams.servers import Server
from benchmarks.streams.stage import stage
from benchmarks.streams.writers import Writers

_WRITERS = 4
# A client takes megabytes that nobody reads, unless it does not measure how much would fit, and looks ahead little.
_AT_ONCE = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16 * 1024))
# The server ends it when it takes nothing for a minute, which begins only when nothing more fits.
_LONGER = 1.5
_READ_SECONDS = 120.0
_SAMPLE_SECONDS = 0.5
_GROWN_MEGABYTES = 16.0
_TOO_SLOW = "WATCHER_TOO_SLOW"


def measure(plan: Plan) -> list[Figure]:
    """Measure a client as it is, and one that is full at once, for longer."""
    with stage() as here, Writers(here.url, _WRITERS) as writers, servers.ours(here.url, here.folder) as server:
        return [
            *_measure("default client", server, writers, plan.stalled_events, plan.stalled_seconds, ()),
            *_measure("full at once", server, writers, plan.stalled_events, plan.stalled_seconds * _LONGER, _AT_ONCE),
        ]


def _measure(
    name: str, server: Server, writers: Writers, events: int, seconds: float, options: Sequence[tuple[str, int]]
) -> list[Figure]:
    # Each item is claimed and finished; one stays open, so that the batch does.
    batch = writers.submit(events // 2 + 1)
    after = writers.newest(batch)
    where = (server.address, str(batch.batch_id), after)
    with Child(Reader, *where, options) as stalled, Child(Reader, *where) as reference:
        before = server.resident_bytes()
        with _sampling(server) as sizes:
            stalled.ask(Reader.open)
            end = time.monotonic() + seconds
            writers.claim(batch, range(events // 2))
            left = max(1.0, end - time.monotonic())
            writers.finish(batch, evenly(events // 2 / left, left))
            time.sleep(max(0.0, end - time.monotonic()))
        last = writers.newest(batch)
        found = stalled.ask(Reader.read, last, _READ_SECONDS)
        reference.ask(Reader.open)
        wanted = reference.ask(Reader.read, last, _READ_SECONDS)
    return [
        Figure(f"{name}, events meanwhile", last - after, at_least=events),
        Figure(f"{name}, memory before", before / 2**20, "MB"),
        Figure(f"{name}, memory grown at most by", (max(sizes) - before) / 2**20, "MB", at_most=_GROWN_MEGABYTES),
        Figure(f"{name}, told that it was too slow", found.interruptions.count(_TOO_SLOW)),
        Figure(f"{name}, ended otherwise", len(found.interruptions) - found.interruptions.count(_TOO_SLOW)),
        Figure(f"{name}, saw exactly the events", float(found.equals(wanted) and found.last == last), at_least=1),
    ]


@contextmanager
def _sampling(server: Server) -> Iterator[list[int]]:
    """Yield what fills with the sizes of the server's memory."""
    sizes = [server.resident_bytes()]
    over = threading.Event()

    def sample() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            sizes.append(server.resident_bytes())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield sizes
    finally:
        over.set()
        thread.join()
