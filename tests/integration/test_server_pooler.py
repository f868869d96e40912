"""A server whose database is behind PgBouncer in transaction mode."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from fna.reports.v1.batch_status_service_pb2 import GetBatchRequest
from fna.reports.v1.batch_submission_service_pb2 import SubmitBatchRequest
from fna.reports.v1.diagnostics_service_pb2 import GetDiagnosticsRequest
from fna.reports.v1.diagnostics_service_pb2_grpc import DiagnosticsServiceStub
from tests.support import pgbouncer
from tests.support.server import running
from tests.support.storage import Store

pytestmark = pytest.mark.skipif(not pgbouncer.is_available(), reason="there is no PgBouncer on this machine")


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    """Give the same database through a PgBouncer in transaction mode."""
    with pgbouncer.pooled(database_url) as url:
        yield url


async def test_calls_that_share_a_few_sessions_do_not_meet(
    store: Store, database_url: str, pooled_url: str, tmp_path: Path
) -> None:
    report_ids = store.reports(40)
    async with running(pooled_url, tmp_path, direct_database_url=database_url, pool_size=10) as client:

        async def submit_and_read(report_id: str) -> bool:
            submitted = await client.submission.SubmitBatch(SubmitBatchRequest(report_ids=[report_id]))
            read = await client.status.GetBatch(GetBatchRequest(batch_id=submitted.batch.batch_id))
            return read.batch.task_id == submitted.batch.task_id and bool(read.batch.task_id)

        assert all(await asyncio.gather(*map(submit_and_read, report_ids)))
    assert store.waiting("batch_processing") == len(report_ids)


async def test_diagnostics_come_through_the_pooler(
    store: Store, database_url: str, pooled_url: str, tmp_path: Path
) -> None:
    store.submit(3)
    async with running(pooled_url, tmp_path, direct_database_url=database_url) as client:
        stub = DiagnosticsServiceStub(client.channel)
        answers = await asyncio.gather(*(stub.GetDiagnostics(GetDiagnosticsRequest()) for _ in range(10)))
    assert {answer.work.waiting_items for answer in answers} == {3}
    assert {answer.queues[1].visible for answer in answers} == {3}
