"""What a fault finds: a broker, two workers in the middle of their tasks, and the record of what they do."""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from benchmarks.faults.cable import Cable
from benchmarks.faults.effects import Effects
from benchmarks.faults.program import application, configuration, work
from benchmarks.faults.workers import Worker
from reports_dev.postgres import EmbeddedPostgres
from reports_dev.waiting import holds_within

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs when the fault comes, and how long one lasts that ends by itself."""

    tasks: int = 200
    task_seconds: tuple[float, float] = (0.1, 0.3)
    fault_seconds: float = 60.0
    broker_age_seconds: float = 6.0
    """Before the fault: a server that has just started gives consumers time to come back before it misses them."""
    transport_options: Mapping[str, Any] = field(default_factory=dict)


class Scene:
    """Leaving it ends the workers. The first one, the victim, reaches the broker through a cable that can be cut."""

    def __init__(self, postgres: EmbeddedPostgres, effects_url: str, plan: Plan, folder: Path) -> None:
        self.postgres = postgres
        self.plan = plan
        self.workers: list[Worker] = []
        self._effects_url = effects_url
        self._folder = folder
        self._names = itertools.count(1)
        self._random = random.Random(3)
        self._app = application(configuration(postgres.url, plan.transport_options))
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.effects = self._resources.enter_context(Effects(self._effects_url))
        self.cable = self._resources.enter_context(Cable(self.postgres.url))
        connection = self._resources.enter_context(self._app.connection_for_write())
        self._producer = self._app.amqp.Producer(connection)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def victim(self) -> Worker:
        """The worker that a fault hits when it hits one."""
        return self.workers[0]

    def start_workers(self, *urls: str) -> None:
        """Start a worker for each URL and wait until all of them take work."""
        started = [self._start_worker(url) for url in urls]
        for worker in started:
            worker.wait_until_ready()

    def replace_victim(self) -> None:
        """Start another worker, as a supervisor does when one has ended."""
        self._start_worker(self.postgres.url)

    def _start_worker(self, url: str) -> Worker:
        name = f"worker{next(self._names)}"
        worker = Worker(name, configuration(url, self.plan.transport_options), self._effects_url, self._folder)
        self.workers.append(self._resources.enter_context(worker))
        return worker

    def publish(self, count: int) -> list[str]:
        """Publish tasks and return their ids."""
        seconds = [self._random.uniform(*self.plan.task_seconds) for _ in range(count)]
        send = self._app.send_task
        return [send(work.__name__, [duration], producer=self._producer).id for duration in seconds]

    def last(self) -> None:
        """Let the time pass that the fault takes."""
        time.sleep(self.plan.fault_seconds)

    def wait_for(self, condition: Callable[[], T], seconds: float, what: str) -> T:
        """Return the first true answer; raises TimeoutError with what the workers printed."""
        answers: list[T] = []

        def holds() -> bool:
            answers[:] = [condition()]
            return bool(answers[0])

        if not holds_within(holds, seconds):
            outputs = "\n".join(worker.output() for worker in self.workers)
            raise TimeoutError(f"{what} did not happen within {seconds:g} s; the workers printed:\n{outputs}")
        return answers[0]
