"""Ending attempts from the worker's parent process, when the one that runs them does not."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from uuid import UUID
from weakref import WeakKeyDictionary, WeakSet

from celery.app.task import Context
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

_MEMORY_SECONDS = 60.0


def end(run: Runtime, key: AttemptKey, how: Callable[[Connection, AttemptKey], Ended | None]) -> bool:
    """End an attempt and tell the servers; False when it was over already."""
    ended = run.run(how, key)
    if ended is None:
        return False
    run.run(events.notify, [ended.batch.batch_id])
    item = ended.item
    logger.error("report %s %s: %s", item.report_id, item.status, item.error_reason or "stopped from outside")
    return True


class RequestAttempts:
    """Which attempt each request runs.

    A message that comes back has the id that it had, and until its request claims the item, the attempt of an earlier
    request, which is gone, is the one that seems to run. So an attempt belongs to the request that was first seen with
    it, and to no other one for as long as a lost attempt may last.
    """

    def __init__(self, memory_seconds: float) -> None:
        self._memory_seconds = memory_seconds
        self._of: WeakKeyDictionary[object, AttemptKey] = WeakKeyDictionary()
        self._seen_at: dict[AttemptKey, float] = {}

    def of(self, request: object, current: AttemptKey | None, now: float) -> AttemptKey | None:
        """Return the attempt of a request at this time in seconds, None when it has not claimed its item yet.

        `current` is the attempt that runs under the request's message.
        """
        if request not in self._of and current and current not in self._seen_at:
            self._of[request] = current
        key = self._of.get(request)
        if key:
            self._seen_at[key] = now
        return key

    def forget(self, now: float) -> None:
        """Forget attempts that were not seen for so long that they are over."""
        self._seen_at = {key: at for key, at in self._seen_at.items() if now - at < self._memory_seconds}


_killed: WeakSet[Context] = WeakSet()


def was_killed(context: Context) -> bool:
    """Tell whether a task was killed by the terminator, which ended its attempt before."""
    return context in _killed


class Terminator:
    """Looks for reports that should not run any more, and kills the processes of those that do not stop by themselves.

    An attempt is ended in the database before its process is killed, so that its message, wherever it goes, finds
    nothing to do. Only processes of the prefork pool can be killed: a thread runs on, and its outcome is refused.
    """

    def __init__(self, run: Runtime, pool: BasePool) -> None:
        self._run = run
        self._pool = pool
        # No lease outlives its worker for longer.
        self._attempts = RequestAttempts(_MEMORY_SECONDS + 3 * run.settings.lease_seconds)
        self._over_since: WeakKeyDictionary[Request, float] = WeakKeyDictionary()

    def look(self) -> None:
        """Look once, which costs one query while reports run, and nothing otherwise."""
        requests = running_reports()
        if not requests:
            return
        now = time.monotonic()
        self._attempts.forget(now)
        message_ids = [UUID(request.id) for request in requests]
        found = self._run.run(cancellation.running, WORKER_ID, message_ids, grace=WORKER_GRACE)
        for request in requests:
            current = found.get(UUID(request.id))
            key = self._attempts.of(request, current.key if current else None, now)
            if key and self._should_die(request, key, current):
                self._kill(request)

    def _should_die(self, request: Request, key: AttemptKey, current: Running | None) -> bool:
        if current and current.key == key:
            return current.overdue and end(self._run, key, attempts.end_cancelled)
        # It is over: ended by the request itself, which is about to leave, or by somebody else.
        since = self._over_since.setdefault(request, time.monotonic())
        return time.monotonic() - since >= WORKER_GRACE.total_seconds()

    def _kill(self, request: Request) -> None:
        if isinstance(self._pool, prefork.TaskPool) and is_running(request):
            logger.warning("task %s does not stop, its process %d is killed", request.id, request.worker_pid)
            # What is told of its end has nothing but this; by its id it could be another request by then.
            _killed.add(request._context)  # noqa: SLF001 - Celery hands it to whoever listens for the end
            # Not SIGTERM, which Python delivers between two instructions only. The consumer's thread acknowledges.
            self._pool.terminate_job(request.worker_pid, signal.SIGKILL)
