"""Workers that are killed in the middle of a batch lose nothing and do nothing twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_FAILED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_PARTIALLY_COMPLETED,
    Batch,
    BatchEvent,
)
from tests.support.exactness import require_exact, require_whole_history
from tests.support.stack import Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)


@contextmanager
def watching(stack: Stack, batch_id: str) -> Iterator[Future[list[BatchEvent]]]:
    """Watch a batch from its beginning, in a thread; the result is all events once it is over."""

    def watch() -> list[BatchEvent]:
        with stack.client() as client:
            return list(client.watch(batch_id, after_sequence=0))

    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(watch)


class HeldBatch:
    """A batch of 50 whose 11th and 12th reports wait until they are released, so that two children are busy then."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._held = folder / "held"
        texts = ["quick"] * 50
        texts[10] = texts[11] = f"wait {self._held}"
        self.submitted: Batch = stack.submit(*texts)

    def in_the_middle(self) -> list[int]:
        """Wait until both run and return the ids of the worker's processes that have them."""

        def holders() -> list[str]:
            return self._held.read_text().splitlines() if self._held.exists() else []

        eventually(lambda: len(holders()) == 2, 60, "the start of both reports")
        return [int(line.split()[0]) for line in holders()]

    def release(self) -> None:
        Path(f"{self._held}.go").touch()


def require_completed(stack: Stack, batch: Batch) -> None:
    assert batch.status == BATCH_STATUS_COMPLETED
    assert batch.successful == 50
    # A worker that is gone is not held against the reports that it did not touch.
    assert {item.position for item in batch.results if item.attempt_count > 1} <= {10, 11}
    require_exact(stack, batch)


def test_a_killed_worker_loses_nothing(stack: Stack, tmp_path: Path) -> None:
    held = HeldBatch(stack, tmp_path)
    with watching(stack, held.submitted.batch_id) as watched:
        with stack.start_worker() as worker:
            held.in_the_middle()
            worker.kill()
        held.release()
        with stack.start_worker():
            batch = stack.finished(held.submitted.batch_id)
        require_whole_history(watched.result(30), batch)
    require_completed(stack, batch)
    assert [batch.results[position].attempt_count for position in (10, 11)] == [2, 2]


def test_the_children_of_a_killed_parent_end_and_their_reports_are_analysed_once(stack: Stack, tmp_path: Path) -> None:
    sessions = """
        SELECT pid FROM pg_stat_activity WHERE application_name = 'fna-reports-worker' AND datname = current_database()
    """
    worker = stack.start_stray_worker()
    held = HeldBatch(stack, tmp_path)
    held.in_the_middle()
    worker.kill_parent()
    eventually(lambda: not stack.rows(sessions), 20, "the end of the children")
    held.release()
    with stack.start_worker():
        batch = stack.finished(held.submitted.batch_id)
    require_completed(stack, batch)


def test_a_killed_child_is_replaced_and_its_report_is_analysed_once(stack: Stack, tmp_path: Path) -> None:
    with stack.start_worker() as worker:
        held = HeldBatch(stack, tmp_path)
        os.kill(held.in_the_middle()[0], signal.SIGKILL)
        held.release()
        batch = stack.finished(held.submitted.batch_id)
    require_completed(stack, batch)
    lost = "SELECT sum(lost_workers) AS lost FROM batch_items WHERE batch_id = %s"
    assert stack.rows(lost, batch.batch_id) == [{"lost": 1}]
    assert "RETRYING: WORKER_LOST" in worker.output()


def test_a_killed_idle_child_does_not_stop_its_worker(stack: Stack, tmp_path: Path) -> None:
    children = tmp_path / "children"
    with stack.start_worker(concurrency=1):
        stack.finished(stack.submit(f"tell {children}").batch_id)
        os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
        batch = stack.finished(stack.submit("quick", "quick", "quick").batch_id)
    assert batch.status == BATCH_STATUS_COMPLETED


def test_a_report_that_kills_every_process_fails_after_three_attempts_and_the_rest_completes(stack: Stack) -> None:
    with stack.start_worker():
        batch = stack.finished(stack.submit(*["quick"] * 5, "die", *["quick"] * 5).batch_id)
    assert batch.status == BATCH_STATUS_PARTIALLY_COMPLETED
    assert (batch.successful, batch.failed) == (10, 1)
    killer = batch.results[5]
    assert (killer.status, killer.attempt_count) == (BATCH_ITEM_STATUS_FAILED, 3)
    reason = "SELECT error_reason FROM batch_items WHERE batch_id = %s AND position = 5"
    assert stack.rows(reason, batch.batch_id) == [{"error_reason": "WORKER_LOST"}]
    require_exact(stack, batch)
