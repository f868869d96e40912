"""Submitting 10,000 reports: the whole call against the bare rows in the same tables."""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import psycopg2
from psycopg2 import extensions

from benchmarks.machine import describe
from fna.reports.v1.batch_submission_service_pb2 import SubmitBatchRequest
from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceStub
from reports_core.storage import migrations
from reports_dev.output import FileOutput
from reports_dev.postgres import EmbeddedPostgres
from reports_dev.processes import Process, wait_until

HELP = "submit 10,000 report ids over gRPC, against the bare item rows in the same table, and with foreign keys"

REPORTS = 10_000
_LISTENING = re.compile(r"listening on (\S+:\d+):")

_REGISTER = """
    INSERT INTO reports (report_id, owner, company_id, report_type, content_type, content_size_bytes, content_sha256)
    SELECT gen_random_uuid(), 'default', gen_random_uuid(), '10_K', 'text/plain', 1, repeat('a', 64)
    FROM generate_series(1, %s) RETURNING report_id::text
"""
_ROWS = """
    INSERT INTO {table} (batch_id, position, report_id)
    SELECT %s::uuid, ordinality - 1, report_id FROM unnest(%s::uuid[]) WITH ORDINALITY AS s(report_id, ordinality)
"""
_BATCH = """
    INSERT INTO batches (batch_id, owner, task_id, status, total_reports, priority)
    VALUES (%s, 'bench', gen_random_uuid(), 'PROCESSING', 10000, 4)
"""
_WITH_FOREIGN_KEYS = """
    CREATE TABLE items_with_foreign_keys (LIKE batch_items INCLUDING ALL);
    ALTER TABLE items_with_foreign_keys ADD FOREIGN KEY (batch_id) REFERENCES batches,
        ADD FOREIGN KEY (report_id) REFERENCES reports;
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each kind (default: %(default)s)")


def run(*, rounds: int) -> dict[str, dict[str, float]]:
    """Measure, print a table and return it; times in milliseconds."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(durable=True) as postgres:
        migrations.upgrade(postgres.url)
        with psycopg2.connect(postgres.url) as conn, conn.cursor() as cursor:
            cursor.execute(_WITH_FOREIGN_KEYS)
            cursor.execute(_REGISTER, (REPORTS,))
            report_ids = [report_id for (report_id,) in cursor.fetchall()]
        conn = psycopg2.connect(postgres.url)
        with _server(postgres.url, Path(folder)) as address, grpc.insecure_channel(address) as channel:
            submit = BatchSubmissionServiceStub(channel).SubmitBatch
            kinds: dict[str, Callable[[], object]] = {
                "bare rows": lambda: _insert(conn, "batch_items", report_ids),
                "bare rows with foreign keys": lambda: _insert(conn, "items_with_foreign_keys", report_ids),
                "SubmitBatch": lambda: submit(SubmitBatchRequest(report_ids=report_ids), timeout=60),
            }
            times = _interleaved(kinds, rounds)
        conn.close()
    return _report(times)


def _interleaved(kinds: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds + 2):
        for name, call in kinds.items():
            started = time.perf_counter()
            call()
            # The first two rounds warm caches and connections up.
            if number >= 2:
                times[name].append((time.perf_counter() - started) * 1000)
    return times


def _insert(conn: extensions.connection, table: str, report_ids: list[str]) -> None:
    batch_id = str(uuid.uuid4())
    with conn, conn.cursor() as cursor:
        cursor.execute(_BATCH, (batch_id,))
        cursor.execute(_ROWS.format(table=table), (batch_id, report_ids))


@contextmanager
def _server(database_url: str, folder: Path) -> Iterator[str]:
    log = folder / "server.log"
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "FNA_REPORTS_GRPC_ADDRESS": "127.0.0.1:0",
        "FNA_REPORTS_DOCUMENTS_URL": str(folder),
        # Nobody works here; the sweeper would dispatch what no worker does, in the middle of the measurement.
        "FNA_REPORTS_SWEEP_SECONDS": "3600",
    }
    command = [sys.executable, "-m", "reports_server"]
    with Process("server", command, output=FileOutput(log), environment=environment, folder=folder) as server:
        wait_until(lambda: _LISTENING.search(log.read_text()), 30, "the server listens", processes=[server])
        found = _LISTENING.search(log.read_text())
        assert found, "the line was there a moment ago"
        yield found.group(1)


def _report(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    base = statistics.median(times["bare rows"])
    figures = {
        name: {
            "p50_ms": round(statistics.median(values), 1),
            "max_ms": round(max(values), 1),
            "ratio": round(statistics.median(values) / base, 2),
        }
        for name, values in times.items()
    }
    machine = describe()
    print(
        f"{REPORTS} reports a batch, {len(times['bare rows'])} rounds, interleaved; {machine['cores']} cores, "
        f"Python {machine['python']}, grpcio {machine['grpcio']}"
    )
    print(f"{'':32}{'p50 ms':>10}{'max ms':>10}{'ratio':>8}")
    for name, row in figures.items():
        print(f"{name:32}{row['p50_ms']:>10}{row['max_ms']:>10}{row['ratio']:>8}")
    return figures
