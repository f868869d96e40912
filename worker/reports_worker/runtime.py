"""What the tasks of one process share: settings, engine, queue, documents and analysis processes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from reports_core.settings import load
from reports_core.storage.document_stores import document_store
from reports_core.storage.documents import DocumentStore
from reports_core.storage.engine import sync_engine
from reports_core.storage.queue import Queue, queue_for
from reports_core.storage.transactions import transaction
from reports_worker.analyser import Analyser
from reports_worker.model import Reviewer, reviewer
from reports_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

WORKER_ID: UUID = uuid4()
"""Owner of the leases of this worker: made in its parent process, inherited by the children."""

_DATABASE_PATIENCE_SECONDS = 60.0
_RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Runtime:
    """The long-lived objects of one process."""

    settings: WorkerSettings
    engine: Engine
    queue: Queue
    documents: DocumentStore
    analyser: Analyser
    reviewer: Reviewer | None = None
    """None without a model."""

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    def run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one storage function in a transaction of its own and return its result."""
        with transaction(self.engine) as conn:
            return function(conn, *args, **kwargs)

    def insist(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do as `run` does, again while the database is away, for a minute at most: databases restart.

        The function may have had its effect when the connection broke, so it must be one that may run twice.
        """
        deadline = time.monotonic() + _DATABASE_PATIENCE_SECONDS
        while True:
            try:
                return self.run(function, *args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if time.monotonic() > deadline:
                    raise
                logger.warning("%s waits for the database: %s", function.__name__, str(error.orig).strip())
            time.sleep(_RETRY_SECONDS)


def runtime() -> Runtime:
    """Return the runtime of this process; a forked child gets one of its own, connections are never shared."""
    return _runtime(os.getpid())


@cache
def _runtime(_pid: int) -> Runtime:
    settings = load(WorkerSettings)
    engine = sync_engine(settings.database_url, pool_size=4, application_name="fna-reports-worker")
    return Runtime(
        settings=settings,
        engine=engine,
        queue=queue_for(settings.broker_url),
        documents=document_store(settings.documents_url),
        analyser=Analyser(settings.limits, settings.lexicon_file),
        reviewer=reviewer(settings, engine),
    )
