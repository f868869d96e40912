"""A Celery application on one of the brokers, with the worker processes that a test starts."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from celery import Celery
from celery.app.control import Inspect
from celery.backends.rpc import RPCBackend
from celery.canvas import Signature
from celery.result import AsyncResult, ResultBase

from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until
from tests.conformance import program
from tests.conformance.brokers import Broker
from tests.support.stack import ROOT, Running
from tests.support.waiting import eventually

_START_SECONDS = 60.0
_SECONDS = 20.0
_POLL_SECONDS = 0.02
_READY = re.compile(r"\S+@\S+ ready\.")

DEFAULTS: dict[str, Any] = {}
LATE = {"task_acks_late": True, "worker_prefetch_multiplier": 1}


class Deployment:
    """The program on one broker, apart from all others there; its workers end with the context.

    `app` is the application of the client. All workers have its settings.
    """

    def __init__(self, broker: Broker, result_backend: str, folder: Path, **settings: Any) -> None:
        self.name = uuid4().hex
        self._folder = folder
        self._settings = {
            **broker.celery_settings(),
            "result_backend": result_backend,
            "task_default_queue": self.name,
            # RabbitMQ has priorities in queues that are declared with them.
            "task_queue_max_priority": 9,
            # Remote control reaches all workers of an exchange, whatever their queues.
            "control_exchange": self.name,
            "event_exchange": f"{self.name}.events",
            "event_queue_prefix": f"{self.name}.events",
            "result_chord_retry_interval": 0.1,
            "task_send_sent_event": True,
            "broker_connection_retry_on_startup": True,
            **settings,
        }
        self.app: Celery = program.application(self._settings)
        self._numbers = itertools.count(1)
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._resources.callback(self._close)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def _close(self) -> None:
        if isinstance(self.app.backend, RPCBackend):
            # Celery leaves it open.
            self.app.backend.result_consumer.stop()
        self.app.close()

    @property
    def worker(self) -> str:
        """The name of the first worker."""
        return f"1@{self.name}"

    def start_worker(self, *options: str) -> Running:
        """Start a worker and wait until it is ready."""
        number = next(self._numbers)
        log = self._folder / f"worker-{number}.log"
        command = [
            sys.executable,
            "-m",
            "tests.conformance.program",
            "worker",
            "--loglevel=info",
            "--heartbeat-interval=1",
        ]
        process = Process(
            "worker",
            [*command, f"--hostname={number}@{self.name}", *options],
            output=FileOutput(log),
            environment=self._environment(),
            folder=self._folder,
        )
        process.start()
        running = Running(process, log)
        self._resources.callback(running.kill)
        wait_until(lambda: _READY.search(running.output()), _START_SECONDS, "the worker's start", processes=[process])
        return running

    def signature(self, task: str, *arguments: object) -> Signature:
        """Return a task with its arguments, for a canvas."""
        return self.app.tasks[task].s(*arguments)

    def send(self, task: str, *arguments: object, **options: Any) -> AsyncResult:
        """Publish a task with Celery's options."""
        return self.app.tasks[task].apply_async(arguments, **options)

    def run(self, task: str, *arguments: object, **options: Any) -> Any:
        """Publish a task and return its result."""
        return outcome(self.send(task, *arguments, **options))

    @contextlib.contextmanager
    def held(self, count: int = 2) -> Iterator[list[Held]]:
        """Keep that many processes of the pool busy, and release those that still are in the end."""
        paths = [self._folder / uuid4().hex for _ in range(count)]
        held = [Held(path, self.send("hold", str(path), priority=9)) for path in paths]
        try:
            eventually(lambda: all(path.exists() for path in paths), _SECONDS, f"the start of {count} tasks")
            yield held
        finally:
            for one in held:
                one.release()

    def inspect(self) -> Inspect:
        """Ask all workers, and wait for the answer of the one that there is."""
        return self.app.control.inspect(timeout=_SECONDS, limit=1)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FNA_REPORTS_")}
        return kept | {
            "PYTHONPATH": os.pathsep.join(dict.fromkeys([str(ROOT), *(path for path in sys.path if path)])),
            # What Celery leaves behind when it is killed.
            "TMPDIR": str(self._folder),
            program.SETTINGS: json.dumps(self._settings),
        }


class Held:
    """A task that runs until it is released; `result` is that of Celery."""

    def __init__(self, path: Path, result: AsyncResult) -> None:
        self._path = path
        self.result = result

    def release(self) -> None:
        """Let it go on, and wait for its end; harmless when repeated."""
        self._path.unlink(missing_ok=True)
        self.result.get(timeout=_SECONDS, interval=_POLL_SECONDS, propagate=False)


def outcome(result: ResultBase, seconds: float = _SECONDS) -> Any:
    """Wait for a result and return it; raises what the task has raised."""
    return result.get(timeout=seconds, interval=_POLL_SECONDS)
