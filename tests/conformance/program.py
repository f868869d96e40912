"""The Celery program of the suite: its tasks, and the process of a worker that runs them.

`python -m tests.conformance.program worker [OPTION...]` reads Celery's settings from the environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.exceptions import Reject

from tests.support.waiting import eventually

# A JSON object of Celery's settings.
SETTINGS = "FNA_REPORTS_TEST_CELERY"
_HOLD_SECONDS = 60.0


def add(left: int, right: int) -> int:
    return left + right


def total(numbers: list[int]) -> int:
    return sum(numbers)


def echo(value: object) -> object:
    return value


def fail(message: str) -> None:
    raise ValueError(message)


def started_at() -> float:
    return time.time()


def write(path: str, line: str) -> None:
    """Append a line to a file, which tells which tasks ran in which order."""
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


def hold(path: str) -> str:
    """Run until the file `path` is removed, which the task makes when it starts."""
    Path(path).touch()
    eventually(lambda: not Path(path).exists(), _HOLD_SECONDS, f"the removal of {path}")
    return path


def succeed_at_retry(task: Task, retries: int, countdown: float) -> int:
    """Retry that many times, and return the number of the last retry."""
    if task.request.retries < retries:
        raise task.retry(countdown=countdown, max_retries=retries)
    return int(task.request.retries)


def requeue_once(task: Task) -> bool:
    """Go back into the queue at the first delivery; return whether this is another one."""
    redelivered = bool(task.request.delivery_info["redelivered"])
    if not redelivered:
        raise Reject("not yet", requeue=True)
    return redelivered


def describe(task: Task) -> dict[str, Any]:
    """Return what the task is told about its message."""
    return {
        "routing_key": task.request.delivery_info["routing_key"],
        "priority": task.request.delivery_info["priority"],
        "headers": task.request.headers,
        "eta": task.request.eta,
    }


_TASKS = (add, total, echo, fail, started_at, write, hold)
# These are given their task.
_BOUND_TASKS = (succeed_at_retry, describe)


def application(settings: Mapping[str, Any]) -> Celery:
    """Return the application, for a worker or for its client, which is closed when it is done."""
    app = Celery("conformance", set_as_current=False)
    app.conf.update(settings)
    for plain in _TASKS:
        app.task(plain, name=plain.__name__)
    for bound in _BOUND_TASKS:
        app.task(bound, name=bound.__name__, bind=True)
    # What is acknowledged before it runs cannot go back.
    app.task(requeue_once, name=requeue_once.__name__, bind=True, acks_late=True)
    return app


if __name__ == "__main__":
    application(json.loads(os.environ[SETTINGS])).worker_main(sys.argv[1:])
