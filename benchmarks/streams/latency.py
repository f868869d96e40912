"""How long an event takes from its commit to each watcher, with few events and one or many watchers."""

from __future__ import annotations

import statistics
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
_BARE, _OURS = "bare", "ours"


def measure(plan: Plan) -> list[Figure]:
    """Measure both servers in turn, with the same times of events."""
    with stage() as here, ExitStack() as resources:
        writers = resources.enter_context(Writers(here.url, 1))
        subjects: dict[str, Subject] = {
            _BARE: Bare(resources.enter_context(servers.bare(here.folder))),
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
    figures = [Figure(f"bytes of an event, {name}", sizes[name]) for name in subjects if watchers == 1]
    for name, values in samples.items():
        figures.append(Figure(f"{watchers} watchers, {name}, p50", statistics.median(values), "ms"))
        figures.append(_p99(name, values, watchers))
    ratio = percentile(samples[_OURS], 99) / percentile(samples[_BARE], 99)
    figures.append(Figure(f"{watchers} watchers, p99 against bare", ratio, "x", at_most=None if watchers == 1 else 1.4))
    return figures


def _p99(name: str, values: list[float], watchers: int) -> Figure:
    at_most = 10.0 if name == _OURS and watchers == 1 else None
    return Figure(f"{watchers} watchers, {name}, p99", percentile(values, 99), "ms", at_most=at_most)


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
