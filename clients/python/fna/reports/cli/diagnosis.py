"""What the server tells of itself, its database, the queues and the workers, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from fna.reports.cli.findings import Finding, fail, ok, warn
from fna.reports.v1.diagnostics_service_pb2 import (
    MIGRATION_STATUS_AHEAD,
    MIGRATION_STATUS_BEHIND,
    QUEUE_BROKER_OTHER,
    DatabaseDiagnostics,
    GetDiagnosticsResponse,
    QueueDiagnostics,
    ServerDiagnostics,
    WorkDiagnostics,
    WorkerDiagnostics,
)

_CLOCKS_APART = timedelta(seconds=5)
_BACKLOG = timedelta(seconds=60)
_COUNTED_TO = 10_000
_MOST_SHOWN = 3
_START_WORKER = (
    "celery -A reports_worker.app:celery_app worker --loglevel=info "
    "--queues=batch_processing,report_processing,default --concurrency=4"
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call: what the server answered, and when by the clock of this machine, in seconds since the epoch."""

    response: GetDiagnosticsResponse
    sent_at: float
    received_at: float

    @property
    def clock_difference(self) -> timedelta:
        """How far the server's clock is ahead at least; the answer may have taken any part of the time on its way."""
        observed_at = self.response.server.observed_at
        server = observed_at.seconds + observed_at.nanos / 1e9
        least, most = server - self.received_at, server - self.sent_at
        return timedelta(seconds=0 if least <= 0 <= most else min(least, most, key=abs))


def diagnose(exchange: Exchange, client_version: str) -> Iterator[Finding]:
    """Yield a finding for each thing that the server tells of."""
    response = exchange.response
    yield _version(response.server, client_version)
    yield _clock(exchange.clock_difference)
    yield _events(response.server)
    yield _migrations(response.database)
    if response.queue_broker == QUEUE_BROKER_OTHER:
        found = "not checked: they are in another broker (FNA_REPORTS_BROKER_URL), which has tools of its own"
        yield warn("queues", found, "celery -A reports_worker.app:celery_app status")
    elif response.queues:
        yield _workers(response)
        for queue in response.queues:
            yield _queue(queue, any(worker.alive and queue.queue in worker.queues for worker in response.workers))
    if response.HasField("work"):
        yield _work(response.work)


def _version(server: ServerDiagnostics, client: str) -> Finding:
    found = f"server {server.version}, {server.contract}, up for {_span(server.uptime.ToTimedelta())}; client {client}"
    if _minor(server.version) == _minor(client):
        return ok("version", found)
    if _minor(server.version) > _minor(client):
        return warn("version", found, "Upgrade this client: pip install --upgrade 'fna-reports[cli]'")
    return warn("version", found, "Upgrade the server and restart it: pip install --upgrade fna-reports-server")


def _minor(version: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _clock(difference: timedelta) -> Finding:
    seconds = difference.total_seconds()
    if abs(difference) <= _CLOCKS_APART:
        return ok("clock", "the server's clock agrees with that of this machine")
    found = f"the server's clock is {_span(abs(difference))} {'ahead of' if seconds > 0 else 'behind'} this machine's"
    return warn("clock", found, "On the machine that is wrong: timedatectl set-ntp true")


def _events(server: ServerDiagnostics) -> Finding:
    watches = f"{server.open_watches:,} open {'watch' if server.open_watches == 1 else 'watches'} at this server"
    if server.listening:
        return ok("events", f"{watches}, events arrive at once")
    found = f"{watches}; it has lost the connection that listens for events, which are up to 2 s late"
    remedy = "It connects again by itself. If it does not: can FNA_REPORTS_DIRECT_DATABASE_URL be reached from there?"
    return warn("events", found, remedy)


def _migrations(database: DatabaseDiagnostics) -> Finding:
    postgres = f"PostgreSQL {database.version}"
    expected = database.expected_revision
    if database.migration_status == MIGRATION_STATUS_BEHIND:
        at = f"at revision {database.revision}" if database.revision else "without tables of ours"
        remedy = "Restart the server: it brings the database up to date at its start."
        return fail("migrations", f"{postgres} is {at}, the server needs {expected}", remedy)
    if database.migration_status == MIGRATION_STATUS_AHEAD:
        found = f"{postgres} is at revision {database.revision} of a newer release, the server knows {expected}"
        remedy = "Upgrade the server, it would not start again: pip install --upgrade fna-reports-server"
        return warn("migrations", found, remedy)
    return ok("migrations", f"{postgres} is at revision {database.revision}, as the server needs")


def _workers(response: GetDiagnosticsResponse) -> Finding:
    alive = [worker for worker in response.workers if worker.alive]
    served = {queue for worker in alive for queue in worker.queues}
    deserted = [queue.queue for queue in response.queues if queue.visible and queue.queue not in served]
    found = _alive(alive) if alive else _none_alive(response)
    if deserted:
        return fail("workers", f"{found}; nobody takes what waits in {', '.join(deserted)}", _START_WORKER)
    if not alive:
        return warn("workers", found, _START_WORKER)
    return ok("workers", found)


def _alive(workers: list[WorkerDiagnostics]) -> str:
    return f"{len(workers):,} alive: {_names(workers)}"


def _none_alive(response: GetDiagnosticsResponse) -> str:
    if not response.workers:
        return "none has signed on"
    newest = max(response.workers, key=lambda worker: worker.lease_expires_at.ToNanoseconds())
    gone = response.server.observed_at.ToDatetime() - newest.lease_expires_at.ToDatetime()
    since = f" for more than {_span(gone)}" if gone > timedelta(seconds=1) else ""
    return f"none alive: no sign of life{since} of {_names(list(response.workers))}"


def _names(workers: list[WorkerDiagnostics]) -> str:
    shown = [f"process {worker.pid} on {worker.host}" for worker in workers[:_MOST_SHOWN]]
    more = len(workers) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _queue(queue: QueueDiagnostics, has_worker: bool) -> Finding:
    check = f"queue {queue.queue}"
    if not queue.visible:
        return ok(check, f"nothing waiting, {_count(queue.claimed)} with workers")
    age = queue.oldest_due_age.ToTimedelta()
    found = f"{_count(queue.visible)} waiting, the oldest for {_span(age)}, {_count(queue.claimed)} with workers"
    if age <= _BACKLOG:
        return ok(check, found)
    if not has_worker:
        return fail(check, f"{found}; no worker takes from it", _START_WORKER)
    remedy = (
        "Start another worker, or more processes in each: celery -A reports_worker.app:celery_app control pool_grow 2"
    )
    return warn(check, found, remedy)


def _work(work: WorkDiagnostics) -> Finding:
    batches = f"{_count(work.open_batches)} open {'batch' if work.open_batches == 1 else 'batches'}"
    return ok("work", f"{batches}; items waiting: {work.waiting_items:,}, running: {work.running_items:,}")


def _count(number: int) -> str:
    return f"{number:,} or more" if number >= _COUNTED_TO else f"{number:,}"


def _span(duration: timedelta) -> str:
    """Return a duration in its largest unit: `3 s`, `5 min`, `2 h`, `4 d`."""
    seconds = duration.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
