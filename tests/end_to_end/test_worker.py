"""What workers do with batches while nothing breaks."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_FAILED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_PARTIALLY_COMPLETED,
)
from reports_core.storage import changes, queue
from tests.support.databases import Databases
from tests.support.exactness import require_exact
from tests.support.stack import Stack
from tests.support.storage import Store
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)


def test_a_child_is_replaced_after_fifty_tasks(stack: Stack, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with stack.start_worker(concurrency=1):
        batch = stack.finished(stack.submit(*[f"tell {pids}"] * 60).batch_id)
    assert batch.status == BATCH_STATUS_COMPLETED
    told = [line.split()[0] for line in pids.read_text().splitlines()]
    assert (len(told), len(set(told))) == (60, 2)


def test_a_batch_that_is_submitted_before_any_worker_runs_is_processed_once_one_does(stack: Stack) -> None:
    submitted = stack.submit("quick", "quick", "quick")
    with stack.start_worker():
        batch = stack.finished(submitted.batch_id)
    assert batch.status == BATCH_STATUS_COMPLETED
    require_exact(stack, batch)


def test_two_workers_share_a_batch_and_analyse_each_report_once(stack: Stack, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    # Both children are held until there is one of each worker.
    waiting = [f"wait {tmp_path / 'held'}"] * 2
    with stack.start_worker(concurrency=1), stack.start_worker(concurrency=1):
        submitted = stack.submit(*waiting, *[f"tell {pids}"] * 20)
        eventually(lambda: _lines(tmp_path / "held") == 2, 60, "a report in each worker")
        (tmp_path / "held.go").touch()
        batch = stack.finished(submitted.batch_id)
    assert batch.status == BATCH_STATUS_COMPLETED
    assert {item.attempt_count for item in batch.results} == {1}
    assert _lines(pids) == 20
    require_exact(stack, batch)


def test_a_second_message_for_a_running_report_waits_until_that_is_over(stack: Stack, tmp_path: Path) -> None:
    running = tmp_path / "running"
    with stack.start_worker() as worker, Store(stack.database_url) as store:
        submitted = stack.submit(f"wait {running}")
        eventually(running.exists, 30, "the start of the report")
        second = queue.process_report(UUID(submitted.batch_id), UUID(submitted.task_id), 0, uuid4(), 9)
        store.do(store.queue.put, queue.REPORT_QUEUE, [second])
        eventually(lambda: "is put back until" in worker.output(), 30, "the second message's return to the queue")
        assert _lines(running) == 1
        (tmp_path / "running.go").touch()
        batch = stack.finished(submitted.batch_id)
        eventually(lambda: store.count("kombu_message") == 0, 30, "the end of the second message")
    assert batch.status == BATCH_STATUS_COMPLETED
    assert [item.attempt_count for item in batch.results] == [1]
    require_exact(stack, batch)


def test_the_solo_pool_processes_batches(stack: Stack) -> None:
    with stack.start_worker("--pool=solo"):
        batch = stack.finished(stack.submit("quick", "quick", "quick").batch_id)
    assert batch.status == BATCH_STATUS_COMPLETED
    require_exact(stack, batch)


@pytest.mark.parametrize("order", ["spin", "stall"], ids=["soft limit", "hard limit"])
def test_a_report_over_the_time_limit_fails_and_its_batch_goes_on(stack: Stack, tmp_path: Path, order: str) -> None:
    # Time for a quick report on a machine that has other things to do.
    with stack.start_worker("task.soft_time_limit=4", "task.time_limit=6"):
        batch = stack.finished(stack.submit("quick", f"{order} {tmp_path / 'stuck'}", "quick", "quick").batch_id)
    assert batch.status == BATCH_STATUS_PARTIALLY_COMPLETED
    late = batch.results[1]
    assert (late.status, late.attempt_count) == (BATCH_ITEM_STATUS_FAILED, 1)
    assert "time limit" in late.error.message
    reason = "SELECT error_reason FROM batch_items WHERE batch_id = %s AND position = 1"
    assert stack.rows(reason, batch.batch_id) == [{"error_reason": "TIMED_OUT"}]
    assert batch.successful == 3
    require_exact(stack, batch)


def test_a_soft_limit_that_strikes_after_the_analysis_loses_nothing(stack: Stack, tmp_path: Path) -> None:
    running = tmp_path / "running"
    with stack.start_worker("task.soft_time_limit=4") as worker, Store(stack.database_url) as store:
        submitted = stack.submit(f"wait {running}")
        eventually(running.exists, 30, "the start of the report")
        with store.engine.begin() as other:
            changes.lock(other, UUID(submitted.batch_id))
            (tmp_path / "running.go").touch()
            eventually(lambda: "Soft time limit (4.0s) exceeded" in worker.output(), 30, "the soft limit")
        batch = stack.finished(submitted.batch_id)
    assert batch.status == BATCH_STATUS_COMPLETED
    assert [item.attempt_count for item in batch.results] == [1]
    require_exact(stack, batch)


def test_a_broker_elsewhere_gets_a_batch_within_seconds(
    database_url: str, databases: Databases, tmp_path: Path
) -> None:
    with databases.empty() as broker_url, Stack(database_url, tmp_path, FNA_REPORTS_BROKER_URL=broker_url) as stack:
        stack.start_server()
        stack.start_worker()
        batch = stack.finished(stack.submit("quick", "quick", "quick").batch_id, 30)
        assert stack.rows("SELECT * FROM kombu_message") == []
        require_exact(stack, batch)
    assert batch.status == BATCH_STATUS_COMPLETED


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0
