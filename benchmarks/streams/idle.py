"""What watchers cost while nothing happens: memory, processor time, and how late their heartbeats are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bloat.figures import percentile
from benchmarks.streams import bare, servers
from benchmarks.streams.figures import Figure, lateness
from benchmarks.streams.plan import Plan
from benchmarks.streams.servers import Server
from benchmarks.streams.stage import Stage, stage
from benchmarks.streams.subjects import WATCH_BATCH, watching
from benchmarks.streams.watchers import Watchers
from benchmarks.streams.writers import Writers
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest

# Open before memory is looked at: connections and what is loaded for the first stream are not a watcher's.
_FIRST = 20
_OPEN_SECONDS = 120.0
_SETTLE_SECONDS = 3.0
_LATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Cost:
    kilobytes: float
    cpu_percent: float
    late: list[float]
    faults: int


def measure(plan: Plan) -> list[Figure]:
    """Measure the bare server, then ours with all watchers on one batch, then ours with many batches."""
    with stage() as here:
        batch_ids = _submit(here, plan.idle_batches)
        with servers.bare(here.folder) as server:
            limit = _measure(server, bare.WATCH, batch_ids[:1], plan)
        figures = _rows("bare", limit)
        for kind, watched in (("one batch", batch_ids[:1]), (f"{len(batch_ids)} batches", batch_ids)):
            with servers.ours(here.url, here.folder) as server:
                figures += _rows(f"ours, {kind}", _measure(server, WATCH_BATCH, watched, plan), limit)
    return figures


def _submit(here: Stage, count: int) -> list[str]:
    with Writers(here.url, 1) as writers:
        return [str(writers.submit(1).batch_id) for _ in range(count)]


def _measure(server: Server, method: str, batch_ids: Sequence[str], plan: Plan) -> _Cost:
    requests = [_request(batch_ids[number % len(batch_ids)], plan) for number in range(plan.idle_watchers)]
    with watching(server, method, requests[:_FIRST]) as watchers:
        time.sleep(_SETTLE_SECONDS)
        before = server.resident_bytes()
        rest = [request.SerializeToString() for request in requests[_FIRST:]]
        watchers.ask(Watchers.open, rest, _OPEN_SECONDS)
        time.sleep(_SETTLE_SECONDS)
        began, used = time.monotonic(), server.cpu_seconds()
        time.sleep(plan.idle_seconds)
        cpu = (server.cpu_seconds() - used) / (time.monotonic() - began)
        grown = server.resident_bytes() - before
        taken = watchers.ask(Watchers.take)
    late = lateness(taken.silences, taken.waiting, plan.heartbeat_seconds)
    return _Cost(grown / len(rest) / 1024, 100 * cpu, late, len(taken.faults))


def _request(batch_id: str, plan: Plan) -> WatchBatchRequest:
    request = WatchBatchRequest(batch_id=batch_id)
    request.heartbeat_interval.seconds = plan.heartbeat_seconds
    return request


def _rows(name: str, cost: _Cost, limit: _Cost | None = None) -> list[Figure]:
    figures = [Figure(f"{name}, memory of a watcher", cost.kilobytes, "KB")]
    if limit:
        figures.append(Figure(f"{name}, against bare", cost.kilobytes / limit.kilobytes, "x", at_most=1.3))
    figures += [
        Figure(f"{name}, of a core", cost.cpu_percent, "%", at_most=10 if limit else None),
        Figure(f"{name}, heartbeats late, p99", percentile(cost.late, 99), "s"),
        Figure(f"{name}, heartbeats late, max", max(cost.late), "s", at_most=_LATE_SECONDS if limit else None),
    ]
    if limit:
        figures.append(Figure(f"{name}, faults of a stream", cost.faults, at_most=0))
    return figures
