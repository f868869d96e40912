"""What a Celery worker without work asks of the database."""

from __future__ import annotations

import time

from benchmarks.bloat import celery_worker
from benchmarks.bloat.figures import Figure
from benchmarks.bloat.program import configuration
from benchmarks.bloat.progress import Progress
from benchmarks.bloat.server import Server

# Mingle and the first heartbeats are over by then.
_SETTLE_SECONDS = 10.0


def measure(seconds: float, progress: Progress, *, settle_seconds: float = _SETTLE_SECONDS) -> list[Figure]:
    """Count for so long, beginning so long after the worker is ready."""
    with Server(durable=False) as server, celery_worker.running(configuration(server.url)):
        progress.tell("a worker is ready")
        time.sleep(settle_seconds)
        with server.recording() as recording:
            before = server.transactions()
            time.sleep(seconds)
            # Autovacuum's are among them.
            transactions = server.transactions() - before
    return [
        Figure("statements per second", len(recording.statements) / seconds, at_most=1),
        Figure("transactions per second", transactions / seconds, at_most=1),
    ]
