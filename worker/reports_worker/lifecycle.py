"""What a worker's parent process does beside running tasks: migrate, keep leases alive, sweep, end lost attempts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from celery import signals
from celery.exceptions import TimeLimitExceeded
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from reports_core.domain.retry import timed_out
from reports_core.settings import SettingsError
from reports_core.storage import attempts
from reports_core.storage.endings import AttemptKey, Ended
from reports_core.storage.preparation import prepare
from reports_core.storage.queue import PROCESS_REPORT
from reports_core.storage.sweep import Sweeper
from reports_worker.analyser import AnalyserUnusable, check
from reports_worker.running import running_reports
from reports_worker.runtime import WORKER_ID, Runtime, runtime
from reports_worker.termination import Terminator, end, was_killed

logger = logging.getLogger(__name__)


class Timer(threading.Thread):
    """Calls a function every `seconds` until stopped; whatever fails is logged and tried again."""

    def __init__(self, name: str, seconds: float, function: Callable[[], object]) -> None:
        super().__init__(name=name, daemon=True)
        self._seconds = seconds
        self._function = function
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self._function()
            except DBAPIError as error:
                logger.warning("%s failed, trying again in %g s: %s", self.name, self._seconds, error.orig)
            except Exception:
                # Without its timers a worker loses what it runs, so they outlive what nobody thought of.
                logger.exception("%s failed, trying again in %g s", self.name, self._seconds)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


_timers: list[Timer] = []

_LOOK_SECONDS = 1.0
"""Time between two looks for attempts that should have stopped."""


@signals.celeryd_init.connect
def migrate(**_: object) -> None:
    """Bring the database up to date before the worker consumes; without it, or unable to analyse, it does not start."""
    try:
        settings = runtime().settings
        prepare(settings)
        check(settings.limits, settings.lexicon_file)
    except (SettingsError, AnalyserUnusable) as error:
        raise SystemExit(str(error)) from None
    except DBAPIError as error:
        raise SystemExit(f"cannot work with the database of DATABASE_URL: {str(error.orig).strip()}") from None


@signals.worker_process_init.connect
def start_analysing(**_: object) -> None:
    """Have an analysis process ready for the first report; called in each child, and by the solo pool in the parent."""
    runtime().analyser.start()


@signals.worker_ready.connect
def start(sender: Any, **_: object) -> None:
    """Start renewing leases, ending attempts and sweeping; threads, so that a busy solo pool does not stop them."""
    run = runtime()
    sweeper = Sweeper(run.engine, run.queue, event_retention=run.settings.event_retention)
    _timers.extend(
        [
            Timer("lease renewal", run.settings.lease_seconds / 4, lambda: renew(run)),
            Timer("termination", _LOOK_SECONDS, Terminator(run, sender.pool).look),
            Timer("sweep", run.settings.sweep_seconds, sweeper.sweep),
        ]
    )
    for timer in _timers:
        timer.start()


@signals.worker_shutdown.connect
def stop(**_: object) -> None:
    """Stop the timers; by now no task runs any more."""
    while _timers:
        _timers.pop().stop()


def renew(run: Runtime) -> None:
    """Keep the attempts alive that this worker runs right now."""
    message_ids = [UUID(request.id) for request in running_reports()]
    if message_ids:
        run.run(attempts.renew, WORKER_ID, message_ids, lease=run.lease)


@signals.task_failure.connect
def end_failed(task_id: str, exception: BaseException, args: Sequence[Any], sender: Any, **_: object) -> None:
    """End the attempt of a child that reached the hard time limit, which kills it; called in the parent.

    A child that was killed otherwise needs no care: its message goes back into the queue, and whoever gets it ends
    the attempt.
    """
    if sender.name == PROCESS_REPORT and isinstance(exception, TimeLimitExceeded):
        run = runtime()
        (limit_seconds,) = exception.args
        failure = timed_out(limit_seconds, retryable=run.settings.retry_timed_out)
        _end(task_id, args, partial(attempts.end_failed, failure=failure, broker=run.queue))


@signals.task_revoked.connect
def end_revoked(request: Any, terminated: bool, sender: Any, **_: object) -> None:
    """End the attempt of a task that an operator revoked while it ran; called in the parent."""
    if terminated and sender.name == PROCESS_REPORT and not was_killed(request):
        _end(request.id, request.args, attempts.end_cancelled)


def _end(message_id: str, args: Sequence[Any], how: Callable[[Connection, AttemptKey], Ended | None]) -> None:
    run = runtime()
    batch_id, _, position = args
    key = run.run(attempts.running_under, WORKER_ID, UUID(message_id), UUID(batch_id), position)
    if key:
        end(run, key, how)
