"""What is measured of each broker."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.brokers.candidates import Candidate, Settings
from benchmarks.brokers.errors import NotMeasured
from benchmarks.brokers.servers import Postgres
from benchmarks.brokers.session import Session
from reports_dev.processes import Process, wait_until
from reports_dev.waiting import holds_within

# By the names in `figures.py`: pick-up in milliseconds, everything else per second.
Samples = Iterator[tuple[str, list[float]]]

PICK_UPS = 100
PAUSES = 200
BACKLOG = 5000
BACKLOG_SECONDS = 4.0
BULK = 20_000
_WARM_UPS = 4
_GAP_SECONDS = 0.12
_IDLE_SECONDS = 10.0
# Far more than a worker needs to start or a message to arrive.
_ARRIVAL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one session with a broker shows; `seconds` bound it where a broker is slow."""

    name: str
    settings: Callable[[Candidate, str], Settings]
    measure: Callable[[Session, float], Samples]


def _late(candidate: Candidate, url: str) -> Settings:
    return {"task_acks_late": True, "worker_prefetch_multiplier": 1}


def _defaults(candidate: Candidate, url: str) -> Settings:
    return {}


def _with_results(candidate: Candidate, url: str) -> Settings:
    return {"result_backend": candidate.result_backend(url)}


def _idle_worker(session: Session, seconds: float) -> Samples:
    with session.worker() as worker:
        for _ in range(_WARM_UPS):
            session.publish("no_op")
        _wait_for(session, _WARM_UPS, worker)
        yield "pick_up", _pick_up(session, worker, seconds)
        if isinstance(session.server, Postgres):
            traffic = session.server.traffic(session.url, _IDLE_SECONDS)
            yield "idle_transactions", [traffic.transactions_per_s]
            yield "idle_statements", [traffic.statements_per_s]
        yield "tasks_50_ms", [_pauses(session, worker, seconds)]


def _pick_up(session: Session, worker: Process, seconds: float) -> list[float]:
    """Return the milliseconds from publishing to the first line of the task, on a worker that has nothing else."""
    before = session.executed()
    deadline = time.monotonic() + seconds
    longest_gap = max(_GAP_SECONDS, session.candidate.poll_seconds)
    for number in range(before, before + PICK_UPS):
        if time.monotonic() >= deadline:
            break
        time.sleep(random.uniform(0, longest_gap))
        session.publish("no_op")
        _wait_for(session, number + 1, worker)
    return [(run.began_at - run.published_at) * 1000 for run in session.executions(before)]


def _pauses(session: Session, worker: Process, seconds: float) -> float:
    before = session.executed()
    for _ in range(PAUSES):
        session.publish("pause")
    _wait_at_most(session, before + PAUSES, worker, seconds)
    runs = session.executions(before)
    if not runs:
        raise NotMeasured(f"no task of 50 ms ended within {seconds:g} s")
    return len(runs) / (max(run.ended_at for run in runs) - min(run.began_at for run in runs))


def _drain_late(session: Session, seconds: float) -> Samples:
    yield "publish", [_publish(session, "no_op")]
    yield "drain_late", [_drain(session, seconds)]


def _drain_with_defaults(session: Session, seconds: float) -> Samples:
    yield "publish", [_publish(session, "no_op")]
    yield "drain", [_drain(session, seconds)]


def _drain_with_results(session: Session, seconds: float) -> Samples:
    first = session.publish("no_op_with_result")
    _publish(session, "no_op_with_result")
    drained = _drain(session, seconds)
    session.require_result(first)
    yield "drain_with_results", [drained]


def _publish(session: Session, task: str) -> float:
    """Publish a backlog one at a time and return the messages per second."""
    # Connects.
    session.publish(task)
    published, started = 0, time.monotonic()
    while published < BACKLOG and time.monotonic() - started < BACKLOG_SECONDS:
        session.publish(task)
        published += 1
    return published / (time.monotonic() - started)


def _drain(session: Session, seconds: float) -> float:
    """Start a worker, have it execute what was published, and return the tasks per second from the first on."""
    with session.worker() as worker:
        _wait_for(session, 1, worker)
        _wait_at_most(session, session.published, worker, seconds)
        began_at = sorted(run.began_at for run in session.executions())
    if len(began_at) < 2:
        raise NotMeasured(f"no second task began within {seconds:g} s")
    return (len(began_at) - 1) / (began_at[-1] - began_at[0])


def _publish_in_bulk(session: Session, seconds: float) -> Samples:
    # Makes what the first message needs.
    session.publish("no_op")
    started = time.monotonic()
    session.publish_in_bulk("no_op", BULK)
    yield "publish_in_bulk", [BULK / (time.monotonic() - started)]


def _wait_for(session: Session, count: int, worker: Process) -> None:
    wait_until(lambda: session.executed() >= count, _ARRIVAL_SECONDS, f"execution {count}", processes=[worker])


def _wait_at_most(session: Session, count: int, worker: Process, seconds: float) -> None:
    """Return when so many are executed or the time is over; raises ProcessError when the worker has ended."""
    holds_within(lambda: session.executed() >= count, seconds)
    worker.require_running()


MEASUREMENTS = (
    Measurement("idle worker", _late, _idle_worker),
    Measurement("no-op drain, late acks, prefetch 1", _late, _drain_late),
    Measurement("no-op drain, Celery's defaults", _defaults, _drain_with_defaults),
    Measurement("no-op drain with results", _with_results, _drain_with_results),
    Measurement("publish in bulk", _defaults, _publish_in_bulk),
)
