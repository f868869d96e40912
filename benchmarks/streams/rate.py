"""Many completions of one batch, each to be told to many watchers."""

from __future__ import annotations

import statistics
import time

from benchmarks.bloat.figures import percentile
from benchmarks.streams import servers
from benchmarks.streams.arrivals import evenly
from benchmarks.streams.figures import Figure, latencies
from benchmarks.streams.plan import Plan
from benchmarks.streams.stage import stage
from benchmarks.streams.subjects import Ours, watching
from benchmarks.streams.usage import cpu_seconds
from benchmarks.streams.watchers import Watchers
from benchmarks.streams.writers import Writers

_PER_SECOND = 100.0
# One alone cannot finish as many.
_WRITERS = 4
_ARRIVAL_SECONDS = 30.0


def measure(plan: Plan) -> list[Figure]:
    """Measure our server."""
    warm_up = evenly(_PER_SECOND, plan.warm_up_seconds)
    offsets = evenly(_PER_SECOND, plan.rate_seconds)
    with (
        stage() as here,
        Writers(here.url, _WRITERS) as writers,
        servers.ours(here.url, here.folder) as server,
    ):
        subject = Ours(server, writers)
        subject.prepare(len(warm_up) + len(offsets))
        with watching(server, subject.method, [subject.request()] * plan.watchers) as watchers:
            subject.publish(warm_up)
            began, used, client_used = time.monotonic(), server.cpu_seconds(), cpu_seconds(watchers.pid)
            committed = subject.publish(offsets)
            watchers.ask(Watchers.reach, max(committed), _ARRIVAL_SECONDS)
            seconds, cpu = time.monotonic() - began, server.cpu_seconds() - used
            client_cpu = cpu_seconds(watchers.pid) - client_used
            taken = watchers.ask(Watchers.take)
    found = latencies(taken.deliveries, committed)
    # Those of the warm-up end before the first of these.
    messages = sum(len(each.arrivals) for each in taken.deliveries if each.last >= min(committed))
    writing = (max(committed.values()) - min(committed.values())) / 1e9
    return [
        Figure("completions a second", (len(committed) - 1) / writing, at_least=0.95 * _PER_SECOND),
        Figure("events delivered a second", len(found) / seconds),
        Figure("messages they came in a second", messages / seconds),
        Figure("of those committed", len(found) / (len(committed) * plan.watchers), at_least=1),
        Figure("faults of a stream", len(taken.faults), at_most=0),
        Figure("latency, p50", statistics.median(found), "ms"),
        Figure("latency, p99", percentile(found, 99), "ms", at_most=200),
        Figure("cores of the server", cpu / seconds, at_most=0.5),
        Figure("cores of the watchers", client_cpu / seconds),
    ]
