"""How long an event takes from its commit to each watcher, with few events and one or many watchers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.bloat.figures import percentile
from benchmarks.streams import servers
from benchmarks.streams.arrivals import poisson
from benchmarks.streams.figures import Figure, event_bytes, latencies
from benchmarks.streams.plan import Plan
from benchmarks.streams.stage import stage
from benchmarks.streams.subjects import Bare, Ours, Subject, watching
from benchmarks.streams.watchers import Watchers
from benchmarks.streams.writers import Writers

_PER_SECOND = 20.0
_ARRIVAL_SECONDS = 30.0
_BARE, _LEAST, _OURS = "bare", "bare, no heartbeats", "ours"
# A server whose fan-outs take longer than this always has one under way: it is full, and no limit for ours.
_FULL_MILLISECONDS = 1000 / _PER_SECOND


def measure(plan: Plan) -> list[Figure]:
    """Measure all servers in turn, with the same times of events."""
    with stage() as here, ExitStack() as resources:
        writers = resources.enter_context(Writers(here.url, 1))
        subjects: dict[str, Subject] = {
            _BARE: Bare(resources.enter_context(servers.bare(here.folder)), heartbeats=True),
            _LEAST: Bare(resources.enter_context(servers.bare(here.folder, "least")), heartbeats=False),
            _OURS: Ours(resources.enter_context(servers.ours(here.url, here.folder)), writers),
        }
        return [figure for watchers in (1, plan.watchers) for figure in _measure(subjects, watchers, plan)]


def _measure(subjects: dict[str, Subject], watchers: int, plan: Plan) -> list[Figure]:
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    sizes = {}
    for number in range(plan.rounds):
        for name, subject in subjects.items():
            found, sizes[name] = _round(subject, watchers, plan, seed=number)
            samples[name] += found
    figures = [Figure(f"bytes of an event, {name}", size) for name, size in sizes.items() if watchers == 1]
    for name, values in samples.items():
        figures += [
            _p50(f"{watchers} watching, {name}, p50", values, is_limit=name == _BARE),
            _p99(f"{watchers} watching, {name}, p99", values, is_target=name == _OURS and watchers == 1),
        ]
    p99 = {name: percentile(values, 99) for name, values in samples.items()}
    # There is no verdict with one watcher, nor on a machine that is too busy for the bare server.
    at_most = 1.4 if watchers > 1 and statistics.median(samples[_BARE]) <= _FULL_MILLISECONDS else None
    return [
        *figures,
        Figure(f"{watchers} watching, p99 against {_BARE}", p99[_OURS] / p99[_BARE], "x", at_most=at_most),
        Figure(f"{watchers} watching, p99 against {_LEAST}", p99[_OURS] / p99[_LEAST], "x"),
    ]


def _p50(name: str, values: Sequence[float], *, is_limit: bool) -> Figure:
    return Figure(name, statistics.median(values), "ms", at_most=_FULL_MILLISECONDS if is_limit else None)


def _p99(name: str, values: Sequence[float], *, is_target: bool) -> Figure:
    return Figure(name, percentile(values, 99), "ms", at_most=10 if is_target else None)


def _round(subject: Subject, count: int, plan: Plan, *, seed: int) -> tuple[list[float], float]:
    """Return the latencies of a round in milliseconds, and the mean size of its events."""
    warm_up = poisson(_PER_SECOND, plan.warm_up_seconds, seed=-1 - seed)
    arrivals = poisson(_PER_SECOND, plan.latency_seconds, seed=seed)
    subject.prepare(len(warm_up) + len(arrivals))
    with watching(subject.server, subject.method, [subject.request()] * count) as watchers:
        subject.publish(warm_up)
        committed = subject.publish(arrivals)
        watchers.ask(Watchers.reach, max(committed), _ARRIVAL_SECONDS)
        taken = watchers.ask(Watchers.take)
    return latencies(taken.deliveries, committed), event_bytes(taken.deliveries)
