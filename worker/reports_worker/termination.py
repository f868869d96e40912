"""Ending attempts from the worker's parent process, when the one that runs them does not."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from uuid import UUID
from weakref import WeakKeyDictionary

from celery.concurrency import prefork
from celery.concurrency.base import BasePool
from celery.worker.request import Request
from sqlalchemy import Connection

from reports_core.storage import attempts, cancellation, events
from reports_core.storage.cancellation import WORKER_GRACE, Running
from reports_core.storage.endings import AttemptKey, Ended
from reports_worker.running import is_running, running_reports
from reports_worker.runtime import WORKER_ID, Runtime

logger = logging.getLogger(__name__)


def end(run: Runtime, key: AttemptKey, how: Callable[[Connection, AttemptKey], Ended | None]) -> bool:
    """End an attempt and tell the servers; False when it was over already."""
    ended = run.run(how, key)
    if ended is None:
        return False
    run.run(events.notify, [ended.batch.batch_id])
    item = ended.item
    logger.error("report %s %s: %s", item.report_id, item.status, item.error_reason or "stopped from outside")
    return True


class Terminator:
    """Looks for reports that should not run any more, and kills the processes of those that do not stop by themselves.

    An attempt is ended in the database before its process is killed, so that its message, wherever it goes, finds
    nothing to do. Only processes of the prefork pool can be killed: a thread runs on, and its outcome is refused.
    """

    def __init__(self, run: Runtime, pool: BasePool) -> None:
        self._run = run
        self._pool = pool
        self._attempts: WeakKeyDictionary[Request, AttemptKey] = WeakKeyDictionary()
        self._over_since: WeakKeyDictionary[Request, float] = WeakKeyDictionary()

    def look(self) -> None:
        """Look once, which costs one query while reports run, and nothing otherwise."""
        requests = running_reports()
        if not requests:
            return
        message_ids = [UUID(request.id) for request in requests]
        found = self._run.run(cancellation.running, WORKER_ID, message_ids, grace=WORKER_GRACE)
        for request in requests:
            current = found.get(UUID(request.id))
            key = self._attempt_of(request, current)
            if key and self._should_die(request, key, current):
                self._kill(request)

    def _attempt_of(self, request: Request, current: Running | None) -> AttemptKey | None:
        """Return the attempt that a request was first seen to run, None when it has not claimed its item yet.

        A message that came back has the same id: its attempt is then that of an earlier request.
        """
        if request not in self._attempts and current and current.key not in self._attempts.values():
            self._attempts[request] = current.key
        return self._attempts.get(request)

    def _should_die(self, request: Request, key: AttemptKey, current: Running | None) -> bool:
        if current and current.key == key:
            return current.overdue and end(self._run, key, attempts.end_cancelled)
        # It is over: ended by the request itself, which is about to leave, or by somebody else.
        since = self._over_since.setdefault(request, time.monotonic())
        return time.monotonic() - since >= WORKER_GRACE.total_seconds()

    def _kill(self, request: Request) -> None:
        if isinstance(self._pool, prefork.TaskPool) and is_running(request):
            logger.warning("task %s does not stop, its process %d is killed", request.id, request.worker_pid)
            # Not SIGTERM, which Python delivers between two instructions only. The consumer's thread acknowledges.
            self._pool.terminate_job(request.worker_pid, signal.SIGKILL)
