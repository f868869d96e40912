"""Waiting for results: woken by whoever stores one, with a poll behind it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from celery import states
from celery.backends.asynchronous import BaseResultConsumer
from celery.utils.collections import BufferMap

from reports_worker.results.announcements import Announcements
from reports_worker.results.connections import Connections
from reports_worker.results.errors import DatabaseUnreachable

logger = logging.getLogger(__name__)

_RECONNECT_SECONDS = 0.5


class ResultConsumer(BaseResultConsumer):
    """Tells results when their rows change: those that a process waits for, and those with callbacks."""

    poll_seconds = 1.0
    """The backstop; also how soon a row is seen that something else than this backend has written."""
    unannounced_poll_seconds = 0.2
    """The same where nothing is announced: behind a pooler."""

    def __init__(self, backend: Any, app: Any, accept: Any, pending_results: Any, connections: Connections) -> None:
        # Celery buffers results that come before somebody asks for them. Here the table keeps those.
        super().__init__(backend, app, accept, pending_results, pending_messages=BufferMap(maxsize=1))
        self._connections = connections
        self.on_after_fork()

    def on_after_fork(self) -> None:
        """Begin anew: locks and connections are those of a parent's threads."""
        self._announcements = Announcements(self._connections)
        self._awaited: set[str] = set()
        self._read_at = -math.inf
        self._turn = threading.Condition()
        self._is_draining = False

    def consume_from(self, task_id: str) -> None:
        self._awaited.add(task_id)

    def cancel_for(self, task_id: str) -> None:
        # From `AsyncResult.__del__`, which is to say from anywhere: it must neither wait nor talk to the server.
        self._awaited.discard(task_id)

    def on_wait_for_pending(self, result: Any, **_: Any) -> None:
        """Deliver what is there already."""
        for meta in result._iter_meta():  # noqa: SLF001 - as Celery's own consumers do
            self.on_state_change(meta, None)

    def on_state_change(self, meta: Mapping[str, Any], message: Any) -> None:
        super().on_state_change(meta, message)
        if meta["status"] in states.READY_STATES:
            self.cancel_for(meta["task_id"])

    def drain_events_until(self, p: Any, timeout: float | None = None, on_interval: Any = None) -> Any:
        # Celery looks at the clock after each interval, of a second unless told otherwise.
        interval = self.poll_seconds if timeout is None else min(self.poll_seconds, timeout)
        return self.drainer.drain_events_until(p, timeout=timeout, interval=interval, on_interval=on_interval)

    def drain_events(self, timeout: float | None = None) -> None:
        """Deliver what changes within `timeout` seconds, as soon as something does; one thread does so for all."""
        with self._turn:
            if self._is_draining:
                self._turn.wait(timeout)
                return
            self._is_draining = True
        try:
            self._drain(self.poll_seconds if timeout is None else timeout)
        except DatabaseUnreachable as error:
            logger.warning("waiting for results, and for their database: %s", error)
            # What was announced and could not be read is announced no more.
            self._read_at = -math.inf
            time.sleep(_RECONNECT_SECONDS)
        finally:
            with self._turn:
                self._is_draining = False
                self._turn.notify_all()

    def _wait_for_pending(self, result: Any, **kwargs: Any) -> Iterator[None]:
        with self._announcements.wanted():
            yield from super()._wait_for_pending(result, **kwargs)

    def _drain(self, timeout: float) -> None:
        if self._announcements.begin():
            self._read_at = -math.inf
        poll = self.poll_seconds if self._announcements.are_heard else self.unannounced_poll_seconds
        announced = self._announcements.wait(max(0.0, min(timeout, self._read_at + poll - time.monotonic())))
        wanted = announced & self._awaited
        if time.monotonic() >= self._read_at + poll:
            wanted = set(self._awaited)
            self._read_at = time.monotonic()
        for meta in self.backend.read_metas(wanted):
            if meta["task_id"] in announced or meta["status"] in states.READY_STATES:
                self.on_state_change(meta, None)
