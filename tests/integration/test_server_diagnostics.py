"""The server tells how it and its database are, and tells a database that it does not reach from all else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
from google.rpc.error_details_pb2 import RetryInfo

from fna.reports.v1.diagnostics_service_pb2 import (
    MIGRATION_STATUS_AHEAD,
    MIGRATION_STATUS_CURRENT,
    QUEUE_BROKER_DATABASE,
    QUEUE_BROKER_OTHER,
    GetDiagnosticsRequest,
    GetDiagnosticsResponse,
)
from fna.reports.v1.diagnostics_service_pb2_grpc import DiagnosticsServiceStub
from kombu_postgres.keeper import Keeper
from kombu_postgres.options import Options, connection_parameters
from tests.support.server import SECONDS, Client, refusal, running
from tests.support.storage import Store
from tests.support.waiting import eventually_async


async def get(client: Client) -> GetDiagnosticsResponse:
    return await DiagnosticsServiceStub(client.channel).GetDiagnostics(GetDiagnosticsRequest(), timeout=SECONDS)


async def test_everything_is_told(client: Client, store: Store, database_url: str) -> None:
    store.submit(3)
    keeper = Keeper(connection_parameters(database_url), Options(), lambda: None)
    keeper.register(["report_processing"], [])
    answer = await get(client)
    keeper.stop()
    assert answer.server.version == "0.1.0"
    assert answer.server.contract == "fna.reports.v1"
    assert 0 < answer.server.uptime.ToTimedelta().total_seconds() < 60
    assert answer.server.listening
    assert answer.database.migration_status == MIGRATION_STATUS_CURRENT
    assert answer.database.revision == answer.database.expected_revision
    assert answer.queue_broker == QUEUE_BROKER_DATABASE
    waiting = {queue.queue: queue.visible for queue in answer.queues}
    assert waiting == {"batch_processing": 0, "report_processing": 3, "default": 0}
    assert [queue.HasField("oldest_due_age") for queue in answer.queues] == [False, True, False]
    (worker,) = answer.workers
    assert worker.alive
    assert list(worker.queues) == ["report_processing"]
    assert (answer.work.open_batches, answer.work.waiting_items, answer.work.running_items) == (1, 3, 0)


async def test_open_watches_are_counted(client: Client, store: Store) -> None:
    events = client.events(store.submit(1).batch_id)
    await anext(events)
    assert (await get(client)).server.open_watches == 1
    await events.aclose()  # type: ignore[attr-defined]  # it is a generator

    async def closed() -> bool:
        return (await get(client)).server.open_watches == 0

    await eventually_async(closed, 10, "the end of the watch")


async def test_tables_of_another_release_are_an_answer(client: Client, store: Store) -> None:
    store.rows("UPDATE alembic_version SET version_num = '9999'")
    store.rows("ALTER TABLE batches RENAME COLUMN running TO being_processed")
    answer = await get(client)
    assert answer.database.migration_status == MIGRATION_STATUS_AHEAD
    assert answer.database.revision == "9999"
    assert not answer.HasField("work")
    assert not answer.queues


async def test_another_broker_is_not_looked_into(database_url: str, tmp_path: Path) -> None:
    async with running(database_url, tmp_path, broker_url="memory://") as client:
        answer = await get(client)
    assert answer.queue_broker == QUEUE_BROKER_OTHER
    assert answer.HasField("work")
    assert (len(answer.queues), len(answer.workers)) == (0, 0)


async def test_a_database_that_does_not_answer_is_unavailable_within_seconds(client: Client, store: Store) -> None:
    with store.engine.begin() as conn:
        conn.exec_driver_sql("LOCK TABLE batches IN ACCESS EXCLUSIVE MODE")
        began = asyncio.get_running_loop().time()
        refused = await refusal(get(client))
        assert asyncio.get_running_loop().time() - began < 8
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
    assert refused.details(RetryInfo)
    assert (await get(client)).HasField("work")
