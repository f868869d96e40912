"""What the tasks of one process share: settings, engine, queue and documents."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from reports_core.settings import load
from reports_core.storage.documents import DocumentStore
from reports_core.storage.engine import sync_engine
from reports_core.storage.queue import Queue, queue_for
from reports_worker.settings import WorkerSettings

P = ParamSpec("P")
T = TypeVar("T")

WORKER_ID: UUID = uuid4()
"""Owner of the leases of this worker: made in its parent process, inherited by the children."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The long-lived objects of one process."""

    settings: WorkerSettings
    engine: Engine
    queue: Queue
    documents: DocumentStore

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    def run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one storage function in a transaction of its own and return its result."""
        with self.engine.begin() as conn:
            return function(conn, *args, **kwargs)


def runtime() -> Runtime:
    """Return the runtime of this process; a forked child gets one of its own, connections are never shared."""
    return _runtime(os.getpid())


@cache
def _runtime(_pid: int) -> Runtime:
    settings = load(WorkerSettings)
    return Runtime(
        settings=settings,
        engine=sync_engine(settings.database_url, pool_size=4, application_name="fna-reports-worker"),
        queue=queue_for(settings.broker_url),
        documents=DocumentStore(settings.documents_dir),
    )
