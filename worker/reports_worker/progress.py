"""Reporting how far an attempt is, off its path."""

from __future__ import annotations

import logging
import threading
import time
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from reports_core.storage import progress
from reports_core.storage.attempts import Attempt
from reports_worker.processing import Stopped
from reports_worker.runtime import Runtime

logger = logging.getLogger(__name__)

_SEND_SECONDS = 0.25
"""Time between two looks at the newest step; a report that takes less is never reported on."""
_ASK_SECONDS = 1.0
"""How long an attempt goes on without asking whether it should."""
_LEAVE_SECONDS = 1.0
"""How long the end of an attempt waits for what is being sent; what comes later changes nothing any more."""


class ProgressReporter:
    """Sends the newest step of one attempt from a thread, and hears there whether the attempt should stop.

    Entered while the report is processed. Neither a slow database nor one that is away holds the attempt up.
    """

    def __init__(self, run: Runtime, attempt: Attempt) -> None:
        self._run = run
        self._attempt = attempt
        self._newest: tuple[str, float] | None = None
        self._stopped = False
        self._failed = False
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._report, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join(_LEAVE_SECONDS)

    def on_step(self, step: str, fraction: float) -> None:
        """Note the newest step, in place of one that is not sent yet; raises Stopped when the attempt should stop."""
        if self._stopped:
            raise Stopped
        self._newest = (step, fraction)

    def _report(self) -> None:
        sent, asked_at = None, time.monotonic()
        while not self._stopped and not self._left.wait(_SEND_SECONDS):
            newest = self._newest
            if newest == sent and time.monotonic() - asked_at < _ASK_SECONDS:
                continue
            try:
                self._stopped = not self._goes_on(newest if newest != sent else None)
            except SQLAlchemyError as error:
                self._complain(error)
            sent, asked_at = newest, time.monotonic()

    def _goes_on(self, news: tuple[str, float] | None) -> bool:
        if news is None:
            return self._run.run(progress.goes_on, self._attempt.key)
        return self._run.run(progress.record, self._attempt, *news)

    def _complain(self, error: SQLAlchemyError) -> None:
        """Say once that steps are lost: the next ones may be sent, and the attempt does not depend on them."""
        if not self._failed:
            logger.warning("progress of report %s is lost for now: %s", self._attempt.report_id, str(error).strip())
        self._failed = True
