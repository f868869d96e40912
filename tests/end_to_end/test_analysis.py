"""What documents may do to the worker that analyses them: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from fna.reports.v1.batch_pb2 import BATCH_ITEM_STATUS_COMPLETED, BATCH_STATUS_PARTIALLY_COMPLETED
from reports_dev.errors import ProcessError
from tests.support.exactness import require_exact
from tests.support.stack import Stack, python_path

pytestmark = pytest.mark.timeout(180)


def test_a_document_that_kills_the_parser_costs_one_attempt_of_one_report(stack: Stack, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    orders = ["crash", "eat", "fail", "vanish"]
    with stack.start_worker(concurrency=1) as worker:
        first = stack.submit(f"tell {pids}", *orders, f"tell {pids}")
        outcomes = """
            SELECT error_reason, attempt, status FROM batch_items WHERE batch_id = %s AND position BETWEEN 1 AND 4
            ORDER BY position
        """
        # The last two are tried again, seconds later each time.
        batch = stack.finished(first.batch_id)
        found = [tuple(row.values()) for row in stack.rows(outcomes, batch.batch_id)]
        output = worker.output()
    assert found == [
        ("CORRUPT", 1, "FAILED"),
        ("LIMIT_EXCEEDED", 1, "FAILED"),
        ("INTERNAL", 3, "FAILED"),
        ("PARSER_LOST", 3, "FAILED"),
    ]
    assert batch.status == BATCH_STATUS_PARTIALLY_COMPLETED
    assert batch.results[5].status == BATCH_ITEM_STATUS_COMPLETED
    assert len({line.split()[0] for line in pids.read_text().splitlines()}) == 1
    assert "WorkerLostError" not in output
    lost = "SELECT sum(lost_workers) AS lost FROM batch_items WHERE batch_id = %s"
    assert stack.rows(lost, batch.batch_id) == [{"lost": 0}]
    require_exact(stack, batch)


def test_a_report_over_the_time_of_an_analysis_fails_and_its_worker_goes_on(database_url: str, tmp_path: Path) -> None:
    with Stack(database_url, tmp_path, FNA_REPORTS_ANALYSIS_SECONDS="1") as stack:
        stack.start_server()
        with stack.start_worker():
            batch = stack.finished(stack.submit("quick", "spin", "quick").batch_id)
        reason = "SELECT error_reason, attempt FROM batch_items WHERE batch_id = %s AND position = 1"
        assert stack.rows(reason, batch.batch_id) == [{"error_reason": "TIMED_OUT", "attempt": 1}]
    assert "FNA_REPORTS_ANALYSIS_SECONDS" in batch.results[1].error.message
    assert batch.successful == 2


def test_a_worker_whose_processors_cannot_be_used_says_so_and_does_not_start(database_url: str, tmp_path: Path) -> None:
    package = tmp_path / "packages" / "other-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[fna_reports.processors]\n8_K = nowhere:nothing\n")
    with (
        Stack(database_url, tmp_path, PYTHONPATH=python_path(package.parent)) as stack,
        pytest.raises(ProcessError, match="The processor nowhere:nothing of other cannot be loaded"),
    ):
        stack.start_worker()
