"""Processes that claim items and finish their attempts at the same time, as the children of workers do.

Processes and not threads: what a worker does for a completion takes longer than what PostgreSQL does, and threads would
take turns at it.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from typing import Concatenate, Generic, ParamSpec, Self, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from benchmarks.completions.outcome import OUTCOME
from reports_core.storage import attempts, outcomes
from reports_core.storage.attempts import Attempt, Delivery
from reports_core.storage.engine import sync_engine
from reports_core.storage.queue import DatabaseQueue
from reports_core.storage.transactions import transaction

P = ParamSpec("P")
T = TypeVar("T")

_SPAWN = multiprocessing.get_context("spawn")
_LEASE = timedelta(hours=1)
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """An item to claim."""

    batch_id: UUID
    task_id: UUID
    position: int


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What one finisher did, and when, in seconds of the system's monotonic clock."""

    started: float
    ended: float
    results: list[T]


Job = Callable[[Engine], list[T]]


class Finishers:
    """So many processes, each with a connection of its own, while the context is entered."""

    def __init__(self, url: str, count: int) -> None:
        # Kept: it is gone from the system with the last reference of this process.
        self._barrier = _SPAWN.Barrier(count)
        self._pipes: list[Pipe] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = _SPAWN.Pipe()
            self._pipes.append(ours)
            self._processes.append(_SPAWN.Process(target=_work, args=(url, self._barrier, theirs), daemon=True))

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(_END_SECONDS)
            process.kill()

    def claim(self, places: Sequence[Sequence[Place]]) -> tuple[list[list[Attempt]], float]:
        """Have each finisher claim its items; return their attempts, and how many were claimed per second."""
        return self._do([partial(_claim, each) for each in places])

    def finish(self, running: Sequence[Sequence[Attempt]]) -> float:
        """Have each finisher finish its attempts one after another; return how many were finished per second."""
        return self._do([partial(_finish, each) for each in running])[1]

    def _do(self, jobs: Sequence[Job[T]]) -> tuple[list[list[T]], float]:
        for pipe, job in zip(self._pipes, jobs, strict=True):
            pipe.send(job)
        answers: list[Done[T]] = [pipe.recv() for pipe in self._pipes]
        seconds = max(done.ended for done in answers) - min(done.started for done in answers)
        results = [done.results for done in answers]
        return results, sum(map(len, results)) / seconds


def _work(url: str, barrier: Barrier, pipe: Pipe) -> None:
    _end_with_parent()
    engine = sync_engine(url, pool_size=1, application_name="completions")
    while True:
        try:
            job: Job[object] = pipe.recv()
        except EOFError:
            return
        barrier.wait()
        started = time.monotonic()
        results = job(engine)
        pipe.send(Done(started, time.monotonic(), results))


def _claim(places: Sequence[Place], engine: Engine) -> list[Attempt]:
    claimed = []
    broker = DatabaseQueue()
    for place in places:
        delivery = Delivery(place.batch_id, place.task_id, place.position, uuid4(), uuid4())
        with transaction(engine) as conn:
            attempt = attempts.claim(conn, delivery, lease=_LEASE, broker=broker).attempt
        if attempt is None:
            raise RuntimeError(f"there was nothing to claim at {place}")
        claimed.append(attempt)
    return claimed


def _finish(running: Sequence[Attempt], engine: Engine) -> list[None]:
    broker = DatabaseQueue()

    def do(function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with transaction(engine) as conn:
            return function(conn, *args, **kwargs)

    for attempt in running:
        outcomes.finish(do, attempt.key, OUTCOME, broker)
    return [None] * len(running)


def _end_with_parent() -> None:
    """End this process when the benchmark is killed, which says nothing to its children."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
