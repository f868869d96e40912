"""SIGTERM ends every process well: its work is finished or handed back, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from fna.reports.v1.batch_pb2 import BATCH_STATUS_COMPLETED, BatchEvent
from tests.support.exactness import require_exact, require_whole_history
from tests.support.stack import Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def own_stack(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    """Give a stack whose processes may all be stopped."""
    with Stack(database_url, tmp_path) as stack:
        yield stack


def test_a_worker_finishes_its_report_first_however_long_it_takes(stack: Stack, tmp_path: Path) -> None:
    lease = "SELECT lease_expires_at AS until FROM batch_items WHERE batch_id = %s AND position = 0"
    held = tmp_path / "held"
    with stack.start_worker(concurrency=1) as worker:
        submitted = stack.submit(f"wait {held}", "quick", "quick")
        eventually(held.exists, 60, "the start of the report")
        worker.terminate()
        first_lease = stack.rows(lease, submitted.batch_id)[0]["until"]
        over = first_lease + timedelta(seconds=2)
        eventually(
            lambda: stack.rows(lease, submitted.batch_id)[0]["until"] > over, 30, "a renewal beyond the first lease"
        )
        Path(f"{held}.go").touch()
        worker.ended_well()
    statuses = "SELECT position, status, attempt FROM batch_items WHERE batch_id = %s ORDER BY position"
    first = stack.rows(statuses, submitted.batch_id)[0]
    assert (first["status"], first["attempt"]) == ("COMPLETED", 1)
    with stack.start_worker() as worker:
        batch = stack.finished(submitted.batch_id)
        again = stack.finished(stack.submit("quick", "quick").batch_id)
        worker.terminate()
        worker.ended_well()
    assert (batch.status, again.status) == (BATCH_STATUS_COMPLETED, BATCH_STATUS_COMPLETED)
    require_exact(stack, batch)


def test_a_worker_that_is_told_to_quit_hands_its_report_back(stack: Stack, tmp_path: Path) -> None:
    held = tmp_path / "held"
    with stack.start_worker(concurrency=1) as worker:
        submitted = stack.submit(f"wait {held}", "quick")
        eventually(held.exists, 60, "the start of the report")
        worker.quit()
        worker.ended_well()
    Path(f"{held}.go").touch()
    with stack.start_worker():
        batch = stack.finished(submitted.batch_id)
    assert batch.status == BATCH_STATUS_COMPLETED
    require_exact(stack, batch)


def test_a_server_ends_its_watches_and_they_continue_with_the_next_one(own_stack: Stack, tmp_path: Path) -> None:
    server = own_stack.start_server()
    held = tmp_path / "held"
    own_stack.start_worker(concurrency=1)
    submitted = own_stack.submit("quick", f"wait {held}", "quick")
    with ThreadPoolExecutor(1) as threads:
        watched = threads.submit(watch, own_stack, submitted.batch_id)
        eventually(held.exists, 60, "the start of the report")
        server.terminate()
        server.ended_well()
        Path(f"{held}.go").touch()
        own_stack.start_server()
        batch = own_stack.finished(submitted.batch_id)
        require_whole_history(watched.result(60), batch)
    assert own_stack.finished(own_stack.submit("quick").batch_id).status == BATCH_STATUS_COMPLETED


def test_a_gateway_ends_its_streams_and_the_next_one_serves(own_stack: Stack) -> None:
    own_stack.start_server()
    gateway = own_stack.start_gateway()
    batch_id = own_stack.submit("quick").batch_id
    url = f"http://{own_stack.rest_address}/v1/reports/batch/{batch_id}"
    with httpx.stream("GET", f"{url}/events", timeout=60) as response:
        assert response.status_code == httpx.codes.OK
        lines = response.iter_lines()
        assert any(line.startswith("id:") for line in lines)
        gateway.terminate()
        assert not [line for line in lines if line.startswith("id:")]
    gateway.ended_well()
    own_stack.start_gateway()
    own_stack.start_worker()
    own_stack.finished(batch_id)
    assert httpx.get(url, timeout=60).json()["status"] == "COMPLETED"


def watch(stack: Stack, batch_id: str) -> list[BatchEvent]:
    with stack.client() as client:
        return list(client.watch(batch_id, after_sequence=0))
