"""The Celery program whose statements are counted: `celery -A benchmarks.bloat.program worker`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from celery import Celery

QUEUE = "celery"
# What the environment of a worker tells it: Celery's settings as JSON.
CONFIGURATION = "BLOAT_CONFIGURATION"


def configuration(broker_url: str, **settings: object) -> dict[str, Any]:
    """Return Celery's settings: its defaults, but for what is given."""
    return {
        "broker_url": broker_url,
        "broker_transport": "kombu_postgres:Transport",
        "broker_connection_retry_on_startup": True,
        "task_ignore_result": True,
        **settings,
    }


def no_op() -> None:
    """Do nothing."""


def application(settings: Mapping[str, Any]) -> Celery:
    """Return the program with Celery's settings, for a worker or for a publisher."""
    celery_app = Celery("bloat", set_as_current=False)
    celery_app.conf.update(settings)
    celery_app.task(name=no_op.__name__)(no_op)
    return celery_app


# Elsewhere than in a worker the module is imported for `application`.
app = application(json.loads(os.environ.get(CONFIGURATION, "{}")))
