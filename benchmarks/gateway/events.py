"""How long an event takes from its commit to listeners of the gateway, and to watchers of the same batch over gRPC."""

from __future__ import annotations

import statistics
from contextlib import ExitStack

from benchmarks.bloat.figures import percentile
from benchmarks.gateway import servers
from benchmarks.gateway.listeners import Listeners
from benchmarks.gateway.plan import Plan
from benchmarks.streams import servers as grpc_servers
from benchmarks.streams.arrivals import poisson
from benchmarks.streams.child import Child
from benchmarks.streams.figures import Figure, latencies
from benchmarks.streams.servers import Server
from benchmarks.streams.stage import stage
from benchmarks.streams.subjects import Ours, watching
from benchmarks.streams.watchers import Watchers
from benchmarks.streams.writers import Writers

_PER_SECOND = 20.0
_EACH = 16
_ARRIVAL_SECONDS = 30.0


def measure(plan: Plan) -> list[Figure]:
    """Have both follow the same events at the same time, some rounds of them."""
    over_grpc: list[float] = []
    over_sse: list[float] = []
    with stage() as here, ExitStack() as resources:
        writers = resources.enter_context(Writers(here.url, 1))
        subject = Ours(resources.enter_context(grpc_servers.ours(here.url, here.folder)), writers)
        gateway = resources.enter_context(servers.gateway(subject.server.address, here.folder))
        for number in range(plan.rounds):
            grpc, sse = _round(subject, gateway, plan, seed=number)
            over_grpc += grpc
            over_sse += sse
    added = statistics.median(over_sse) - statistics.median(over_grpc)
    return [
        Figure(f"{_EACH} watchers over gRPC, p50", statistics.median(over_grpc), "ms"),
        Figure(f"{_EACH} watchers over gRPC, p99", percentile(over_grpc, 99), "ms"),
        Figure(f"{_EACH} listeners to the gateway, p50", statistics.median(over_sse), "ms"),
        Figure(f"{_EACH} listeners to the gateway, p99", percentile(over_sse, 99), "ms"),
        Figure("added by the gateway to p50", added, "ms", at_most=10),
    ]


def _round(subject: Ours, gateway: Server, plan: Plan, *, seed: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each event at each watcher, and at each listener."""
    warm_up = poisson(_PER_SECOND, plan.warm_up_seconds, seed=-1 - seed)
    arrivals = poisson(_PER_SECOND, plan.seconds, seed=seed)
    subject.prepare(len(warm_up) + len(arrivals))
    request = subject.request()
    with (
        watching(subject.server, subject.method, [request] * _EACH) as watchers,
        Child(Listeners, gateway.address) as listeners,
    ):
        listeners.ask(Listeners.open, request.batch_id, _EACH, _ARRIVAL_SECONDS)
        subject.publish(warm_up)
        committed = subject.publish(arrivals)
        watchers.ask(Watchers.reach, max(committed), _ARRIVAL_SECONDS)
        listeners.ask(Listeners.reach, max(committed), _ARRIVAL_SECONDS)
        taken = watchers.ask(Watchers.take)
        heard = listeners.ask(Listeners.take)
        listeners.ask(Listeners.close)
    return (
        latencies(taken.deliveries, committed),
        [(at - committed[sequence]) / 1e6 for sequence, at in heard if sequence in committed],
    )
