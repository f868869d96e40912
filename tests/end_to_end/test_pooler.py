"""With PgBouncer in transaction mode between the processes and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fna.reports.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from reports_dev.errors import ProcessError
from tests.support import pgbouncer
from tests.support.exactness import require_exact, require_whole_history
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(not pgbouncer.is_available(), reason="there is no PgBouncer on this machine"),
]
REMEDY = "FNA_REPORTS_DIRECT_DATABASE_URL must lead to PostgreSQL itself"


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    with pgbouncer.pooled(database_url) as url:
        yield url


def test_batches_are_processed_and_watched_through_a_pooler(database_url: str, pooled_url: str, tmp_path: Path) -> None:
    with Stack(pooled_url, tmp_path, FNA_REPORTS_DIRECT_DATABASE_URL=database_url) as stack:
        stack.start_server()
        stack.start_worker()
        for _ in range(3):
            submitted = stack.submit(*["quick"] * 20)
            with stack.client() as client:
                events = list(client.watch(submitted.batch_id, after_sequence=0))
            batch = stack.finished(submitted.batch_id)
            assert batch.status == BATCH_STATUS_COMPLETED
            assert {item.attempt_count for item in batch.results} == {1}
            require_whole_history(events, batch)
            require_exact(stack, batch)


def test_a_server_behind_a_pooler_refuses_to_start_and_names_the_remedy(pooled_url: str, tmp_path: Path) -> None:
    with Stack(pooled_url, tmp_path) as stack, pytest.raises(ProcessError, match=REMEDY) as refused:
        stack.start_server()
    assert "Traceback" not in str(refused.value)


def test_a_worker_behind_a_pooler_refuses_to_start_and_names_the_remedy(pooled_url: str, tmp_path: Path) -> None:
    with Stack(pooled_url, tmp_path) as stack, pytest.raises(ProcessError, match=REMEDY) as refused:
        stack.start_worker()
    assert "Traceback" not in str(refused.value)
