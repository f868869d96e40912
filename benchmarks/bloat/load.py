"""Statements per message of a Celery worker that is never without work."""

from __future__ import annotations

import time

from benchmarks.bloat import celery_worker
from benchmarks.bloat.figures import Figure
from benchmarks.bloat.program import QUEUE, application, configuration, no_op
from benchmarks.bloat.progress import Progress
from benchmarks.bloat.server import Server

_POLL_SECONDS = 0.05
_DEADLINE_SECONDS = 600.0


def measure(messages: int, progress: Progress) -> list[Figure]:
    """Drain so many messages, once with each prefetch multiplier, with late acknowledgement."""
    return [
        # One statement per cycle, which acknowledges the last message and claims the next.
        Figure("statements per message, prefetch 1", _measure(messages, 1, progress), at_most=1),
        Figure("statements per message, prefetch 16", _measure(messages, 16, progress), at_most=0.2),
    ]


def _measure(messages: int, prefetch: int, progress: Progress) -> float:
    settings = {"task_acks_late": True, "worker_prefetch_multiplier": prefetch}
    with Server(durable=False) as server:
        own = configuration(server.url, **settings)
        app = application(own)
        with app.connection_for_write() as connection:
            producer = app.amqp.Producer(connection)
            with producer.batch():
                for _ in range(messages):
                    app.send_task(no_op.__name__, producer=producer)
        progress.tell(f"{messages} messages published, prefetch {prefetch}")
        with celery_worker.running(own):
            # Neither its start nor its end, when there is nothing left to prefetch.
            begin = _wait_for(server, messages * 9 // 10)
            with server.recording() as recording:
                end = _wait_for(server, messages // 10)
    return len(recording.statements) / (begin - end)


def _wait_for(server: Server, depth: int) -> int:
    """Wait until at most so many messages are left and return how many are."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while (left := server.depth(QUEUE)) > depth:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{left} messages were left after {_DEADLINE_SECONDS:g} s")
        time.sleep(_POLL_SECONDS)
    return left
