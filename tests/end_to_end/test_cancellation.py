"""A cancellation is over within seconds, whatever the reports do and wherever their worker is, and it sticks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from celery import Celery

from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_CANCELLED,
    BATCH_ITEM_STATUS_COMPLETED,
    BATCH_ITEM_STATUS_FAILED,
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_PARTIALLY_COMPLETED,
    Batch,
    BatchEvent,
)
from reports_core.storage import migrations
from reports_core.storage.queue import broker_settings
from tests.support.databases import Databases
from tests.support.exactness import require_exact
from tests.support.stack import Running, Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

PROMISED_SECONDS = 5.0


@pytest.fixture(scope="module")
def stack(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a server with the lease and the sweep of a deployment: neither is what ends a cancellation in time."""
    settings = {"FNA_REPORTS_LEASE_SECONDS": "20", "FNA_REPORTS_SWEEP_SECONDS": "5"}
    with (
        databases.migrated(migrations.upgrade) as url,
        Stack(url, tmp_path_factory.mktemp("stack"), **settings) as stack,
    ):
        stack.start_server()
        yield stack


class Pids(NamedTuple):
    """The processes that have a report: that of the worker, and the one that it has analyse it."""

    worker: int
    analyser: int


class Held:
    """Documents whose reports run until they are released or stopped."""

    def __init__(self, folder: Path, order: str) -> None:
        self._path = folder / order
        self.text = f"{order} {self._path}"

    def pids(self, count: int = 1) -> list[Pids]:
        """Wait until so many reports have started, and return the ids of their processes."""

        def started() -> list[str]:
            told = self._path.read_text().splitlines() if self._path.exists() else []
            return told if len(told) >= count else []

        return [Pids(*map(int, line.split())) for line in eventually(started, 60, "the start of the reports")]

    def release(self) -> None:
        Path(f"{self._path}.go").touch()


def cancelled(stack: Stack, batch_id: str) -> Batch:
    """Cancel a batch and wait until it is over, which it must be within the promised time."""
    with stack.client() as client:
        began = time.monotonic()
        client.cancel(batch_id)
    batch = stack.finished(batch_id)
    seconds = time.monotonic() - began
    print(f"cancelled after {seconds:.2f} s")
    assert seconds < PROMISED_SECONDS
    assert batch.status == BATCH_STATUS_CANCELLED
    return batch


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@contextmanager
def absent(worker: Running) -> Iterator[None]:
    """Stop a worker with all its children, as a laptop that is closed does, and let it go on afterwards."""
    os.killpg(worker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(worker.process.pid, signal.SIGCONT)


def require_usable(stack: Stack, reports: int = 4) -> None:
    batch = stack.finished(stack.submit(*["quick"] * reports).batch_id)
    assert batch.status == BATCH_STATUS_COMPLETED
    assert {item.attempt_count for item in batch.results} == {1}


def test_reports_that_take_steps_stop_by_themselves(stack: Stack, tmp_path: Path) -> None:
    held = Held(tmp_path, "step")
    with stack.start_worker() as worker:
        submitted = stack.submit(held.text, held.text, "quick")
        pids = held.pids(2)
        batch = cancelled(stack, submitted.batch_id)
        assert not any(gone(pid.worker) for pid in pids)
        require_usable(stack)
    assert "is killed" not in worker.output()
    assert [item.attempt_count for item in batch.results] == [1, 1, 0]
    require_exact(stack, batch)


@pytest.mark.parametrize("order", ["freeze", "stall"], ids=["its analysis hangs", "its worker hangs"])
def test_a_report_that_never_yields_is_killed_and_that_of_another_batch_goes_on(
    stack: Stack, tmp_path: Path, order: str
) -> None:
    stuck, other = Held(tmp_path, order), Held(tmp_path, "wait")
    with stack.start_worker() as worker:
        neighbour = stack.submit(other.text)
        other.pids()
        submitted = stack.submit(stuck.text)
        (pid,) = stuck.pids()
        began = time.monotonic()
        batch = cancelled(stack, submitted.batch_id)
        eventually(lambda: gone(pid.analyser), PROMISED_SECONDS, "the end of the analysis")
        assert time.monotonic() - began < PROMISED_SECONDS
        if order == "stall":
            # Dead for as long already, but there until its parent has looked.
            eventually(lambda: gone(pid.worker), PROMISED_SECONDS, "the end of the worker's process")
        else:
            assert not gone(pid.worker)
        require_usable(stack)
        other.release()
        assert stack.finished(neighbour.batch_id).results[0].attempt_count == 1
        queued = "SELECT * FROM kombu_message WHERE queue = 'report_processing'"
        eventually(lambda: not stack.rows(queued), 30, "the end of its message")
    assert "Traceback" not in worker.output()
    require_exact(stack, batch)
    require_exact(stack, stack.finished(neighbour.batch_id))


def test_a_batch_that_is_cancelled_while_its_worker_is_away_stays_so_when_it_returns(
    stack: Stack, tmp_path: Path
) -> None:
    held = Held(tmp_path, "wait")
    with stack.start_worker() as worker:
        submitted = stack.submit(held.text, held.text, "quick")
        held.pids(2)
        with absent(worker):
            batch = cancelled(stack, submitted.batch_id)
        held.release()
        eventually(lambda: worker.output().count("ended by somebody else") == 2, 30, "the late ends of both reports")
        require_usable(stack)
    assert stack.finished(submitted.batch_id) == batch
    require_exact(stack, batch)


def test_a_worker_that_returns_stops_what_was_cancelled_and_never_yields(stack: Stack, tmp_path: Path) -> None:
    stuck = Held(tmp_path, "freeze")
    with stack.start_worker(concurrency=1) as worker:
        submitted = stack.submit(stuck.text)
        (pid,) = stuck.pids()
        # The worker has looked at what it runs, which it does every second.
        begun = "SELECT 1 FROM batch_items WHERE batch_id = %s AND started_at < now() - interval '2 seconds'"
        eventually(lambda: stack.rows(begun, submitted.batch_id), 10, "two seconds of the report")
        with absent(worker):
            batch = cancelled(stack, submitted.batch_id)
        eventually(lambda: gone(pid.analyser), 10, "the end of the analysis")
        require_usable(stack)
    assert stack.finished(submitted.batch_id) == batch


def test_nothing_of_a_batch_runs_that_was_cancelled_after_its_worker_was_killed(stack: Stack, tmp_path: Path) -> None:
    held = Held(tmp_path, "wait")
    with stack.start_worker() as worker:
        submitted = stack.submit(held.text, held.text, "quick")
        held.pids(2)
        worker.kill()
    batch = cancelled(stack, submitted.batch_id)
    with stack.start_worker():
        require_usable(stack)
    assert len(held.pids()) == 2
    assert [item.attempt_count for item in batch.results] == [1, 1, 0]
    require_exact(stack, batch)


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_an_analysis_is_killed_also_where_the_pool_cannot_kill(stack: Stack, tmp_path: Path, pool: str) -> None:
    stuck = Held(tmp_path, "freeze")
    with stack.start_worker(f"--pool={pool}"):
        submitted = stack.submit(stuck.text)
        (pid,) = stuck.pids()
        batch = cancelled(stack, submitted.batch_id)
        eventually(lambda: gone(pid.analyser), PROMISED_SECONDS, "the end of the analysis")
        require_usable(stack)
        assert not gone(pid.worker)
    assert stack.finished(submitted.batch_id) == batch


def test_watches_end_with_their_execution_and_follow_the_next_one(stack: Stack, tmp_path: Path) -> None:
    held = Held(tmp_path, "wait")
    submitted = stack.submit(held.text)

    def watch(after_sequence: int) -> list[BatchEvent]:
        with stack.client() as client:
            return list(client.watch(submitted.batch_id, after_sequence=after_sequence))

    with stack.start_worker(), ThreadPoolExecutor(2) as threads, stack.client() as client:
        held.pids()
        first = threads.submit(watch, 0)
        batch = cancelled(stack, submitted.batch_id)
        assert first.result(10)[-1].sequence == batch.last_sequence
        retried = client.retry(batch.batch_id)
        assert retried.task_id != batch.task_id
        held.pids(2)
        second = threads.submit(watch, batch.last_sequence)
        held.release()
        ended = stack.finished(batch.batch_id)
        seen = second.result(10)
    assert seen[0].sequence == batch.last_sequence + 1
    assert seen[-1].status_changed.final
    assert seen[-1].sequence == ended.last_sequence
    assert ended.status == BATCH_STATUS_COMPLETED
    assert [item.attempt_count for item in ended.results] == [2]
    require_exact(stack, ended)


def test_an_operator_may_revoke_a_running_report(stack: Stack, tmp_path: Path) -> None:
    held = Held(tmp_path, "wait")
    with stack.start_worker(), Celery(set_as_current=False) as celery:
        celery.conf.update(broker_settings(stack.database_url))
        submitted = stack.submit(held.text, "quick")
        (pid,) = held.pids()
        (row,) = stack.rows(
            "SELECT message_id FROM batch_items WHERE batch_id = %s AND position = 0", submitted.batch_id
        )
        celery.control.revoke(str(row["message_id"]), terminate=True, signal="SIGKILL")
        batch = stack.finished(submitted.batch_id)
        assert gone(pid.worker)
        eventually(lambda: gone(pid.analyser), 10, "the end of the analysis")
        require_usable(stack)
    assert batch.status == BATCH_STATUS_PARTIALLY_COMPLETED
    assert [item.status for item in batch.results] == [BATCH_ITEM_STATUS_CANCELLED, BATCH_ITEM_STATUS_COMPLETED]
    require_exact(stack, batch)


def test_a_report_over_the_soft_limit_is_retried_if_the_operator_wants_that(database_url: str, tmp_path: Path) -> None:
    settings = {"FNA_REPORTS_REPORT_SOFT_LIMIT_SECONDS": "1", "FNA_REPORTS_RETRY_TIMED_OUT": "true"}
    with Stack(database_url, tmp_path, **settings) as stack:
        stack.start_server()
        with stack.start_worker():
            # The attempts are 5 and 20 seconds apart.
            batch = stack.finished(stack.submit("quick", "spin", "quick").batch_id)
    late = batch.results[1]
    assert batch.status == BATCH_STATUS_PARTIALLY_COMPLETED
    assert (late.status, late.attempt_count) == (BATCH_ITEM_STATUS_FAILED, 3)
    assert "time limit of 1 s" in late.error.message
