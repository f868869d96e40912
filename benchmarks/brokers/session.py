"""A broker with nothing in it, a publisher in this process, and a worker while one is wanted."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kombu import pools

from benchmarks.brokers import executions, program
from benchmarks.brokers.candidates import Candidate, Settings
from benchmarks.brokers.errors import NotMeasured
from benchmarks.brokers.servers import Server
from reports_dev.output import FileOutput
from reports_dev.processes import Process

CONCURRENCY = 2
_RESULT_SECONDS = 30.0
_ROOT = Path(__file__).resolve().parent.parent.parent


class Session:
    """What measurements act on."""

    def __init__(self, candidate: Candidate, server: Server, url: str, settings: Settings, folder: Path) -> None:
        self.candidate = candidate
        self.server = server
        self.url = url
        self.published = 0
        self._folder = folder
        self._executions = folder / "executions"
        self._configuration = {
            **candidate.broker(url),
            "broker_connection_retry_on_startup": True,
            **settings,
        }
        self._app = program.application(self._configuration)

    def publish(self, task: str) -> str:
        """Publish one execution of the task and return its id."""
        self.published += 1
        return str(self._app.tasks[_full_name(task)].apply_async((time.monotonic(),)).id)

    def require_result(self, task_id: str) -> None:
        """Wait for the result of an execution; raises TimeoutError when it was not stored."""
        self._app.AsyncResult(task_id).get(timeout=_RESULT_SECONDS)

    def publish_in_bulk(self, task: str, count: int) -> None:
        """Publish so many executions at once; raises NotMeasured where the broker cannot."""
        if self.candidate.publish_in_bulk is None:
            raise NotMeasured("it has nothing for that")
        self.candidate.publish_in_bulk(self._app, self.url, _full_name(task), count)

    @contextlib.contextmanager
    def worker(self) -> Iterator[Process]:
        """Run a worker as a user does, until the context is left."""
        command = [sys.executable, "-m", "celery", "-A", program.__name__, "worker", "-c", str(CONCURRENCY)]
        environment = os.environ | {
            program.CONFIGURATION: json.dumps(self._configuration),
            program.EXECUTIONS: str(self._executions),
            # What Celery leaves behind when it is killed.
            "TMPDIR": str(self._folder),
        }
        output = FileOutput(self._folder / "worker.log")
        worker = Process("the worker", command, output=output, environment=environment, folder=_ROOT)
        with worker:
            yield worker
            # What it has claimed goes with the session: there is nothing to end in order.
            worker.kill()

    def executed(self) -> int:
        """Count the executions so far."""
        return executions.count(self._executions)

    def executions(self, after: int = 0) -> list[executions.Execution]:
        """Return the executions after so many."""
        return executions.read(self._executions)[after:]

    def close(self) -> None:
        """Disconnect the publisher, with the pools that all applications of a process share."""
        pools.reset()
        self._app.close()


def _full_name(task: str) -> str:
    return f"{program.__name__}.{task}"


@contextlib.contextmanager
def session(
    candidate: Candidate, server: Server, settings_for: Callable[[Candidate, str], Settings]
) -> Iterator[Session]:
    """Empty the server and set the broker up; raises NotMeasured where it cannot be."""
    with server.emptied() as url, tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        candidate.prepare(url)
        opened = Session(candidate, server, url, settings_for(candidate, url), Path(folder))
        with contextlib.closing(opened):
            yield opened
