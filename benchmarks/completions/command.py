"""The command: what is measured, and how it is shown."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg2
from sqlalchemy import Connection, Engine, text

from benchmarks.completions.finishers import Finishers, Place
from benchmarks.machine import describe
from reports_core.storage import batches, dispatch, migrations
from reports_core.storage.batches import NewBatch
from reports_core.storage.engine import sync_engine
from reports_core.storage.queue import DatabaseQueue
from reports_core.storage.records import Batch
from reports_core.storage.transactions import transaction
from reports_dev.postgres import EmbeddedPostgres

HELP = "finish reports of one batch with 8 processes, against 8 batches, also with slow commits"

FINISHERS = 8
_OWNER = "bench"
_COMMITS = 50

_REGISTER = text("""
    INSERT INTO reports (report_id, owner, company_id, report_type, content_type, content_size_bytes, content_sha256)
    SELECT gen_random_uuid(), :owner, gen_random_uuid(), '10_K', 'text/plain', 1, repeat('a', 64)
    FROM generate_series(1, :count) RETURNING report_id
""")
# Distinct transactions among those that completed items: how many outcomes shared a commit.
_COMMITS_OF = text("""
    SELECT count(*), count(DISTINCT CAST(xact AS text)) FROM batch_events
    WHERE batch_id = ANY(CAST(:batch_ids AS uuid[])) AND kind = 'ITEM_CHANGED'
        AND data -> 'item' ->> 'status' = 'COMPLETED'
""")
_COMMIT = "INSERT INTO celery_tasksetmeta (taskset_id) VALUES (%s)"

Figures = dict[str, dict[str, float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each kind (default: %(default)s)")
    parser.add_argument("--items", type=int, default=50, help="reports that each finishes (default: %(default)s)")
    parser.add_argument(
        "--latency", type=float, default=5.0, help="milliseconds added to slow commits (default: %(default)s)"
    )


def run(*, rounds: int, items: int, latency: float) -> Figures:
    """Measure on a server of our own, print a table and return it."""
    with EmbeddedPostgres(durable=True) as postgres:
        migrations.upgrade(postgres.url)
        figures = measure(postgres.url, rounds=rounds, items=items, latency=latency)
    _print(figures, rounds, items)
    return figures


def measure(url: str, *, rounds: int = 5, items: int = 50, latency: float = 5.0) -> Figures:
    """Return rates per second of one batch and of 8 batches in turn, with commits as they are and with slow ones.

    The URL is that of a superuser on a migrated database of a durable server, whose settings it may change for a while.
    """
    figures: Figures = {}
    with _engine(url) as engine, Finishers(url, FINISHERS) as finishers:
        bench = _Bench(engine, finishers, items)
        bench.round(1)
        for name, added in (("commits as they are", 0.0), (f"commits of {latency:g} ms more", latency)):
            with _slow_commits(url, added):
                figures[name] = {"commit_ms": _commit_ms(url), **bench.rounds(rounds)}
    return figures


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = sync_engine(url, pool_size=1, application_name="completions")
    try:
        yield engine
    finally:
        engine.dispose()


class _Bench:
    """Rounds of claiming and finishing, each of new batches."""

    def __init__(self, engine: Engine, finishers: Finishers, items: int) -> None:
        self._engine = engine
        self._finishers = finishers
        self._items = items
        self._broker = DatabaseQueue()

    def rounds(self, count: int) -> dict[str, float]:
        """Return the medians of so many rounds with one batch and as many with 8, in turn."""
        pairs = [(self.round(1), self.round(FINISHERS)) for _ in range(count)]
        one, many = (
            {name: statistics.median(row[name] for row in side) for name in side[0]}
            for side in zip(*pairs, strict=True)
        )
        ratios = [mine["finish"] / theirs["finish"] for mine, theirs in pairs]
        return {
            "one_batch_finish_s": one["finish"],
            "8_batches_finish_s": many["finish"],
            "ratio": statistics.median(ratios),
            "ratio_min": min(ratios),
            "one_batch_per_commit": one["per_commit"],
            "one_batch_claim_s": one["claim"],
            "8_batches_claim_s": many["claim"],
        }

    def round(self, count: int) -> dict[str, float]:
        """Claim and finish all items of so many new batches; return rates per second."""
        with transaction(self._engine) as conn:
            submitted = [self._submit(conn, FINISHERS * self._items // count) for _ in range(count)]
        places = [
            Place(batch.batch_id, batch.task_id, position)
            for batch in submitted
            for position in range(batch.counters.total_reports)
        ]
        shares = [places[number * self._items : (number + 1) * self._items] for number in range(FINISHERS)]
        running, claimed = self._finishers.claim(shares)
        finished = self._finishers.finish(running)
        return {"claim": claimed, "finish": finished, "per_commit": self._outcomes_per_commit(submitted)}

    def _submit(self, conn: Connection, reports: int) -> Batch:
        report_ids = conn.execute(_REGISTER, {"owner": _OWNER, "count": reports}).scalars()
        new = NewBatch(owner=_OWNER, report_ids=[str(report_id) for report_id in report_ids])
        batch = batches.submit(conn, new, self._broker)
        dispatch.dispatch_execution(conn, batch.task_id, self._broker)
        return batch

    def _outcomes_per_commit(self, submitted: Sequence[Batch]) -> float:
        with self._engine.begin() as conn:
            batch_ids = [batch.batch_id for batch in submitted]
            completed, commits = conn.execute(_COMMITS_OF, {"batch_ids": batch_ids}).one()
        return float(completed / commits)


@contextmanager
def _slow_commits(url: str, milliseconds: float) -> Iterator[None]:
    """Make every flush of the log wait, which is what a commit on a slow disk or with a remote standby does."""
    _alter_system(url, f"SET commit_delay = {round(milliseconds * 1000)}", "SET commit_siblings = 0")
    try:
        yield
    finally:
        _alter_system(url, "RESET commit_delay", "RESET commit_siblings")


def _alter_system(url: str, *changes: str) -> None:
    with closing(psycopg2.connect(url)) as conn, conn.cursor() as cursor:
        conn.autocommit = True
        for change in changes:
            cursor.execute(f"ALTER SYSTEM {change}")
        cursor.execute("SELECT pg_reload_conf()")


def _commit_ms(url: str) -> float:
    """Return the median time of a transaction of one row, which is little more than its commit."""
    with closing(psycopg2.connect(url)) as conn, conn.cursor() as cursor:
        conn.autocommit = True
        times = []
        for _ in range(_COMMITS):
            started = time.perf_counter()
            cursor.execute(_COMMIT, (str(uuid4()),))
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _print(figures: Figures, rounds: int, items: int) -> None:
    machine = describe()
    print(
        f"{FINISHERS} processes finish {items} reports each, {rounds} rounds of each kind in turn; "
        f"{machine['cores']} cores, Python {machine['python']}"
    )
    names = list(next(iter(figures.values())))
    print(f"{'':28}" + "".join(f"{name:>30}" for name in figures))
    for name in names:
        print(f"{name:28}" + "".join(f"{row[name]:>30.2f}" for row in figures.values()))
