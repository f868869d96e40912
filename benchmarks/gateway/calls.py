"""How long GetBatch of a small batch takes, and how often it is answered, over each way to the same server."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.gateway import servers
from benchmarks.gateway.callers import Callers, Connect, grpc_calls, http_calls
from benchmarks.gateway.plan import Plan
from benchmarks.streams import servers as grpc_servers
from benchmarks.streams.child import Child
from benchmarks.streams.figures import Figure
from benchmarks.streams.servers import Server
from benchmarks.streams.stage import stage
from benchmarks.streams.writers import Writers

_REPORTS = 3
_CALLERS = (1, 16, 64)
_GRPC, _GATEWAY, _BARE = "gRPC", "gateway", "bare handler"


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to the batch: who calls, and the server that they call."""

    callers: Child[Callers]
    server: Server

    def call(self, callers: int, seconds: float) -> _Turn:
        used = self.server.cpu_seconds()
        times = self.callers.ask(Callers.call, callers, seconds)
        return _Turn(times, self.server.cpu_seconds() - used)


@dataclass(frozen=True, slots=True)
class _Turn:
    """The milliseconds of each call, and the processor time that the server used for all of them."""

    times: list[float]
    cpu_seconds: float


def measure(plan: Plan) -> list[Figure]:
    """Measure the three in turn, each round in another order, and compare what the same round gave."""
    with stage() as here, ExitStack() as resources:
        server = resources.enter_context(grpc_servers.ours(here.url, here.folder))
        with Writers(here.url, 1) as writers:
            batch_id = str(writers.submit(_REPORTS).batch_id)

        def way(connect: Connect, called: Server) -> _Way:
            return _Way(resources.enter_context(Child(Callers, connect, called.address, batch_id)), called)

        ways = {
            _GRPC: way(grpc_calls, server),
            _GATEWAY: way(http_calls, resources.enter_context(servers.gateway(server.address, here.folder))),
            _BARE: way(http_calls, resources.enter_context(servers.bare(server.address, here.folder))),
        }
        for each in ways.values():
            each.call(max(_CALLERS), plan.warm_up_seconds)
        return [figure for callers in _CALLERS for figure in _compare(ways, callers, plan)]


def _compare(ways: Mapping[str, _Way], callers: int, plan: Plan) -> list[Figure]:
    names = list(ways)
    turns: dict[str, list[_Turn]] = {name: [] for name in names}
    for number in range(plan.rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            turns[name].append(ways[name].call(callers, plan.seconds))
    rounds = list(zip(turns[_GRPC], turns[_GATEWAY], turns[_BARE], strict=True))
    added = [statistics.median(gateway.times) - statistics.median(grpc.times) for grpc, gateway, _ in rounds]
    ratios = [len(gateway.times) / len(bare.times) for _, gateway, bare in rounds]
    return [
        *(figure for name in names for figure in _spread(f"{callers:2} at once, {name}", turns[name], plan)),
        Figure(f"{callers:2} at once, added by the gateway to p50", statistics.median(added), "ms"),
        Figure(f"{callers:2} at once, rate against the bare handler, least", min(ratios), "x"),
        Figure(f"{callers:2} at once, rate against the bare handler", statistics.median(ratios), "x", at_least=0.7),
    ]


def _spread(name: str, turns: Sequence[_Turn], plan: Plan) -> list[Figure]:
    times = [took for turn in turns for took in turn.times]
    percentiles = statistics.quantiles(times, n=100)
    return [
        Figure(f"{name}, p50", percentiles[49], "ms"),
        Figure(f"{name}, p99", percentiles[98], "ms"),
        Figure(f"{name}, calls a second", len(times) / (plan.seconds * plan.rounds), "/s"),
        # Unlike a rate, it says the same when something else keeps the machine busy.
        Figure(f"{name}, CPU a call", sum(turn.cpu_seconds for turn in turns) / len(times) * 1000, "ms"),
    ]
