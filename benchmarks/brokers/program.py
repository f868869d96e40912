"""The Celery program that every broker runs: `celery -A benchmarks.brokers.program worker`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from celery import Celery

from benchmarks.brokers import executions
from benchmarks.brokers.executions import Execution

# What the environment of a worker tells it: Celery's settings as JSON, and the file for its executions.
CONFIGURATION = "BENCHMARK_CONFIGURATION"
EXECUTIONS = "BENCHMARK_EXECUTIONS"

TASK_SECONDS = 0.05


def no_op(published_at: float) -> None:
    """Do nothing."""
    began_at = time.monotonic()
    _write_down(published_at, began_at)


def no_op_with_result(published_at: float) -> dict[str, float]:
    """Do nothing, and have a small document stored as the result."""
    began_at = time.monotonic()
    _write_down(published_at, began_at)
    return {"published_at": published_at, "began_at": began_at}


def pause(published_at: float) -> None:
    """Take 50 ms."""
    began_at = time.monotonic()
    time.sleep(TASK_SECONDS)
    _write_down(published_at, began_at)


def _write_down(published_at: float, began_at: float) -> None:
    executions.append(os.environ[EXECUTIONS], Execution(published_at, began_at, time.monotonic()))


def application(configuration: Mapping[str, Any]) -> Celery:
    """Return the program with Celery's settings, for a worker or for a publisher."""
    celery_app = Celery("benchmark", set_as_current=False)
    celery_app.conf.update(configuration)
    for function, ignore_result in ((no_op, True), (no_op_with_result, False), (pause, True)):
        celery_app.task(ignore_result=ignore_result, shared=False)(function)
    return celery_app


# Elsewhere than in a worker the module is imported for `application`.
app = application(json.loads(os.environ.get(CONFIGURATION, "{}")))
