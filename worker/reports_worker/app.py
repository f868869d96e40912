"""The Celery application: `celery -A reports_worker.app:celery_app worker`."""

from __future__ import annotations

from typing import Any

from celery import Celery
from kombu import Queue

from reports_core.settings import SettingsError, load
from reports_core.storage.queue import (
    BATCH_QUEUE,
    DEFAULT_QUEUE,
    DELIVER_WEBHOOK,
    PROCESS_BATCH,
    PROCESS_REPORT,
    REPORT_QUEUE,
    broker_settings,
)
from reports_worker.settings import WorkerSettings

_TO_ACT_SECONDS = 300
"""How long a task has to act on the soft limit, before its process is killed."""


def configuration() -> dict[str, Any]:
    """Return Celery's settings.

    Ends the process with a plain message when a variable is missing or invalid: Celery would print a traceback.
    """
    try:
        settings = load(WorkerSettings)
    except SettingsError as error:
        raise SystemExit(str(error)) from None
    return {
        **broker_settings(settings.broker_url or settings.session_url),
        "broker_connection_retry_on_startup": True,
        # Celery would give up after a hundred tries, and the worker would have to be started again.
        "broker_connection_max_retries": None,
        "result_backend": "reports_worker.results:PostgresqlBackend+postgresql+psycopg2"
        + settings.database_url.removeprefix("postgresql"),
        "result_expires": 3600,
        "task_queues": [Queue(name, routing_key=name) for name in (BATCH_QUEUE, REPORT_QUEUE, DEFAULT_QUEUE)],
        "task_default_queue": DEFAULT_QUEUE,
        "task_routes": {
            PROCESS_BATCH: {"queue": BATCH_QUEUE},
            PROCESS_REPORT: {"queue": REPORT_QUEUE},
            DELIVER_WEBHOOK: {"queue": DEFAULT_QUEUE},
        },
        "task_soft_time_limit": settings.report_soft_limit_seconds,
        "task_time_limit": settings.report_soft_limit_seconds + _TO_ACT_SECONDS,
        "task_acks_late": True,
        # The message of a killed child goes to the next one, whose claim ends the attempt that was lost.
        "task_reject_on_worker_lost": True,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": 50,
        # Seconds to wait for the result of a child that is gone, before its task counts as lost.
        "worker_lost_wait": 2.0,
        "enable_utc": True,
    }


celery_app = Celery(
    "fna-reports",
    include=["reports_worker.tasks", "reports_worker.lifecycle", "reports_worker.orphans"],
)
celery_app.add_defaults(configuration)
