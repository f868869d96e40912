"""The Celery program that the faults hit: `celery -A benchmarks.faults.program worker`."""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from celery import Celery, Task

from benchmarks.faults.effects import Effects

QUEUE = "faults"

# What the environment of a worker tells it: Celery's settings as JSON, and where to write its tasks down.
CONFIGURATION = "FAULTS_CONFIGURATION"
EFFECTS_URL = "FAULTS_EFFECTS_URL"


def configuration(broker_url: str, transport_options: Mapping[str, Any]) -> dict[str, Any]:
    """Return Celery's settings: late acknowledgement, prefetch 1, and tasks of lost children requeued."""
    return {
        "broker_url": broker_url,
        "broker_transport": "kombu_postgres:Transport",
        "broker_transport_options": dict(transport_options),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_default_queue": QUEUE,
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        # Seconds to wait for the result of a child that is gone, before its task counts as lost.
        "worker_lost_wait": 2.0,
    }


def work(task: Task, seconds: float) -> None:
    """Write the delivery down, take the seconds, then apply the effect of the task."""
    effects = _effects()
    delivery = uuid4()
    request = task.request
    redelivered = bool(request.delivery_info.get("redelivered"))
    effects.start(delivery, request.id, redelivered=redelivered, worker=request.hostname)
    time.sleep(seconds)
    effects.finish(delivery, request.id)


@functools.cache
def _effects() -> Effects:
    """Connect when the first task of a child asks: connections do not survive a fork."""
    return Effects(os.environ[EFFECTS_URL])


def application(settings: Mapping[str, Any]) -> Celery:
    """Return the program with Celery's settings, for a worker or for a publisher."""
    celery_app = Celery("faults", set_as_current=False)
    celery_app.conf.update(settings)
    celery_app.task(name=work.__name__, bind=True)(work)
    return celery_app


# Elsewhere than in a worker the module is imported for `application`.
app = application(json.loads(os.environ.get(CONFIGURATION, "{}")))
