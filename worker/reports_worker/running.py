"""The reports that this worker runs right now, as its parent process knows them."""

from __future__ import annotations

from celery.worker import state
from celery.worker.request import Request

from reports_core.storage.queue import PROCESS_REPORT


def running_reports() -> list[Request]:
    """Return the requests that a child has taken up and whose end the parent has not heard of; from any thread."""
    while True:
        try:
            return [request for request in list(state.active_requests) if request.name == PROCESS_REPORT]
        except RuntimeError:
            # The consumer's thread changed the set while it was copied.
            continue


def is_running(request: Request) -> bool:
    return request in state.active_requests
