"""A restart of PostgreSQL in the middle of a batch interrupts nothing for good."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fna.reports.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from reports_dev.postgres import EmbeddedPostgres
from tests.support.exactness import require_exact
from tests.support.stack import Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a folder that every user can enter, which those of pytest are not."""
    path = Path(tempfile.mkdtemp(prefix="fna-test-"))
    path.chmod(0o755)
    yield path / "postgres"
    shutil.rmtree(path)


def test_everything_goes_on_after_postgresql_restarts(data_dir: Path, tmp_path: Path) -> None:
    held = tmp_path / "held"
    texts = ["quick"] * 20
    texts[5] = texts[6] = f"wait {held}"
    with (
        EmbeddedPostgres(data_dir) as postgres,
        # As by default: longer than the restart, which then costs no report its attempt.
        Stack(postgres.url, tmp_path, FNA_REPORTS_LEASE_SECONDS="20") as stack,
    ):
        processes = [stack.start_server(), stack.start_worker(), stack.start_gateway()]
        submitted = stack.submit(*texts)
        watch = stack.start_watch(submitted.batch_id)
        eventually(lambda: held.exists() and len(held.read_text().splitlines()) == 2, 60, "the start of both reports")
        url = postgres.url
        postgres.stop()
        Path(f"{held}.go").touch()
        postgres.start()
        assert postgres.url == url
        batch = stack.finished(submitted.batch_id)
        assert batch.status == BATCH_STATUS_COMPLETED
        assert {item.attempt_count for item in batch.results} == {1}
        require_exact(stack, batch)
        assert watch.process.wait(30) == 0
        assert sequences(watch.output()) == list(range(1, batch.last_sequence + 1))
        for running in processes:
            running.process.require_running()
        assert stack.finished(stack.submit("quick", "quick").batch_id).status == BATCH_STATUS_COMPLETED


def test_an_idle_worker_says_that_the_database_is_away_and_goes_on_when_it_is_back(
    data_dir: Path, tmp_path: Path
) -> None:
    with EmbeddedPostgres(data_dir) as postgres, Stack(postgres.url, tmp_path) as stack:
        stack.start_server()
        worker = stack.start_worker()
        postgres.stop()
        complaint = "lost the connection to the database, connecting again"
        eventually(lambda: complaint in worker.output(), 30, "the worker's complaint")
        eventually(lambda: "sweep failed, trying again" in worker.output(), 30, "a sweep without the database")
        postgres.start()
        assert stack.finished(stack.submit("quick").batch_id).status == BATCH_STATUS_COMPLETED
        assert worker.output().count(complaint) < 4, "it says so once, not at every try"
        assert "Traceback" not in worker.output()


def sequences(output: str) -> list[int]:
    """Return the sequences of the history that a watch printed."""
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [event["sequence"] for event in events if "progress" not in event]
