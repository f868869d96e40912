"""How long GetBatch of a small batch takes, and how often it is answered, over each way to the same server."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from contextlib import ExitStack

from benchmarks.gateway import servers
from benchmarks.gateway.callers import Callers, grpc_calls, http_calls
from benchmarks.gateway.plan import Plan
from benchmarks.streams import servers as grpc_servers
from benchmarks.streams.child import Child
from benchmarks.streams.figures import Figure
from benchmarks.streams.stage import stage
from benchmarks.streams.writers import Writers

_REPORTS = 3
_CALLERS = (1, 16, 64)
_GRPC, _GATEWAY, _BARE = "gRPC", "gateway", "bare handler"

_Clients = Mapping[str, Child[Callers]]


def measure(plan: Plan) -> list[Figure]:
    """Measure the three in turn, each round in another order, and compare what the same round gave."""
    with stage() as here, ExitStack() as resources:
        server = resources.enter_context(grpc_servers.ours(here.url, here.folder))
        with Writers(here.url, 1) as writers:
            batch_id = str(writers.submit(_REPORTS).batch_id)
        gateway = resources.enter_context(servers.gateway(server.address, here.folder))
        bare = resources.enter_context(servers.bare(server.address, here.folder))
        clients: _Clients = {
            _GRPC: resources.enter_context(Child(Callers, grpc_calls, server.address, batch_id)),
            _GATEWAY: resources.enter_context(Child(Callers, http_calls, gateway, batch_id)),
            _BARE: resources.enter_context(Child(Callers, http_calls, bare, batch_id)),
        }
        for name in clients:
            _call(clients, name, max(_CALLERS), plan.warm_up_seconds)
        return [figure for callers in _CALLERS for figure in _compare(clients, callers, plan)]


def _compare(clients: _Clients, callers: int, plan: Plan) -> list[Figure]:
    names = list(clients)
    times: dict[str, list[float]] = {name: [] for name in names}
    added: list[float] = []
    ratios: list[float] = []
    for number in range(plan.rounds):
        turn = number % len(names)
        found = {name: _call(clients, name, callers, plan.seconds) for name in names[turn:] + names[:turn]}
        added.append(statistics.median(found[_GATEWAY]) - statistics.median(found[_GRPC]))
        ratios.append(len(found[_GATEWAY]) / len(found[_BARE]))
        for name in names:
            times[name] += found[name]
    return [
        *(figure for name in names for figure in _spread(f"{callers:2} at once, {name}", times[name], plan)),
        Figure(f"{callers:2} at once, added by the gateway to p50", statistics.median(added), "ms"),
        Figure(f"{callers:2} at once, rate against the bare handler, least", min(ratios), "x"),
        Figure(f"{callers:2} at once, rate against the bare handler", statistics.median(ratios), "x", at_least=0.7),
    ]


def _spread(name: str, times: list[float], plan: Plan) -> list[Figure]:
    percentiles = statistics.quantiles(times, n=100)
    return [
        Figure(f"{name}, p50", percentiles[49], "ms"),
        Figure(f"{name}, p99", percentiles[98], "ms"),
        Figure(f"{name}, calls a second", len(times) / (plan.seconds * plan.rounds), "/s"),
    ]


def _call(clients: _Clients, name: str, callers: int, seconds: float) -> list[float]:
    return clients[name].ask(Callers.call, callers, seconds)
