"""The server as a whole: which services answer, health, reflection, and what happens without the database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from fna.reports.v1.batch_status_service_pb2 import (
    GetBatchRequest,
    ListBatchesRequest,
)
from fna.reports.v1.batch_submission_service_pb2 import SubmitBatchRequest
from fna.reports.v1.report_service_pb2 import GetReportRequest
from reports_core.settings import SettingsError
from reports_core.storage.engine import sync_url
from reports_core.storage.records import Batch
from reports_server.server import Service, serving
from tests.support.server import Client, connect, refusal, running, server_settings
from tests.support.storage import Store
from tests.support.waiting import eventually_async

SERVING = health_pb2.HealthCheckResponse.SERVING


async def health(client: Client, service: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(client.channel)  # whose methods its types do not know
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


async def reflected(client: Client) -> set[str]:
    async def questions() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    # Its types know neither its methods nor channels of asyncio.
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(client.channel)  # type: ignore[arg-type]
    async for answer in stub.ServerReflectionInfo(questions()):
        return {service.name for service in answer.list_services_response.service}
    return set()


async def code(call: Awaitable[object]) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


async def test_every_service_is_healthy_and_found_by_reflection(client: Client) -> None:
    for service in Service:
        assert await health(client, service) == SERVING
    versions = {f"grpc.reflection.{version}.ServerReflection" for version in ("v1", "v1alpha")}
    assert await reflected(client) == {*Service, "grpc.health.v1.Health"} | versions


async def test_a_health_watch_hears_of_the_stop_and_does_not_delay_it(database_url: str, tmp_path: Path) -> None:
    settings = server_settings(database_url, tmp_path, shutdown_grace_seconds=3600)
    async with asyncio.timeout(60), contextlib.AsyncExitStack() as resources:
        address = await resources.enter_async_context(serving(settings, [Service.STATUS]))
        async with connect(address) as client:
            stub: Any = health_pb2_grpc.HealthStub(client.channel)  # whose methods its types do not know
            watch = stub.Watch(health_pb2.HealthCheckRequest(service=Service.STATUS))
            assert (await watch.read()).status == SERVING
            stopped = asyncio.create_task(resources.aclose())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            ended = await refusal(watch.read())
            assert (ended.code, ended.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_DRAINING")
            await stopped


async def test_only_chosen_services_answer(database_url: str, tmp_path: Path) -> None:
    async with running(database_url, tmp_path, [Service.STATUS]) as client:
        await client.status.ListBatches(ListBatchesRequest())
        assert await health(client, Service.STATUS) == SERVING
        assert await code(health(client, Service.SUBMISSION)) is grpc.StatusCode.NOT_FOUND
        assert {name for name in await reflected(client) if name.startswith("fna.")} == {Service.STATUS}
        for call in (
            client.submission.SubmitBatch(SubmitBatchRequest(report_ids=[str(uuid4())])),
            client.reports.GetReport(GetReportRequest(report_id=str(uuid4()))),
        ):
            assert await code(call) is grpc.StatusCode.UNIMPLEMENTED


async def test_two_servers_on_one_database_are_one_service(database_url: str, tmp_path: Path, store: Store) -> None:
    async with (
        running(database_url, tmp_path, [Service.SUBMISSION]) as submitting,
        running(database_url, tmp_path, [Service.STATUS]) as showing,
    ):
        request = SubmitBatchRequest(report_ids=store.reports(1))
        batch = (await submitting.submission.SubmitBatch(request)).batch
        shown = (await showing.status.GetBatch(GetBatchRequest(batch_id=batch.batch_id))).batch
        assert shown.task_id == batch.task_id


async def test_a_taken_port_is_refused_by_the_name_of_its_variable(database_url: str, tmp_path: Path) -> None:
    async with serving(server_settings(database_url, tmp_path), [Service.STATUS]) as address:
        settings = server_settings(database_url, tmp_path, grpc_address=address)
        with pytest.raises(SettingsError, match=f"FNA_REPORTS_GRPC_ADDRESS={address}"):
            await serving(settings, [Service.STATUS]).__aenter__()


@contextlib.contextmanager
def administration(database_url: str) -> Iterator[Store]:
    """Give a store on another database of the same server."""
    with Store(
        sync_url(database_url).set(database="postgres", drivername="postgresql").render_as_string(False)
    ) as other:
        yield other


def forbid(other: Store, name: str, *, allow: bool) -> None:
    other.rows(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {str(allow).lower()}')
    if not allow:
        other.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name", name=name)


async def test_a_lost_database_is_unavailable_and_back_when_it_is_back(
    database_url: str, tmp_path: Path, store: Store
) -> None:
    batch = store.submit(1)
    name = str(sync_url(database_url).database)
    get = GetBatchRequest(batch_id=str(batch.batch_id))
    async with running(database_url, tmp_path) as client:
        watching = asyncio.create_task(watch_to_the_end(client, batch))
        with administration(database_url) as other:
            try:
                forbid(other, name, allow=False)
                for call in (
                    lambda: client.status.GetBatch(get),
                    lambda: client.submission.SubmitBatch(SubmitBatchRequest(report_ids=[str(uuid4())])),
                    lambda: client.watch(batch.batch_id),
                ):
                    refused = await refusal(call())
                    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
                    (retry,) = refused.details(RetryInfo)
                    assert retry.retry_delay.seconds > 0
                    assert name not in refused.message
            finally:
                forbid(other, name, allow=True)

        async def answers() -> bool:
            try:
                return bool((await client.status.GetBatch(get)).batch.batch_id)
            except grpc.aio.AioRpcError:
                return False

        await eventually_async(answers, 10, "an answer after the database is back")
        store.run(batch)
        assert await watching == [1, 2, 3, 4]


async def watch_to_the_end(client: Client, batch: Batch) -> list[int]:
    """Watch as every client should: after UNAVAILABLE again, from the last sequence on."""
    seen = [0]
    while True:
        try:
            async for event in client.events(batch.batch_id, after_sequence=seen[-1]):
                if not event.HasField("heartbeat"):
                    seen.append(event.sequence)  # noqa: PERF401 - a list would lose what came before an error
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017 - any other code fails the test
        else:
            return seen[1:]


async def test_connections_that_were_closed_while_idle_are_not_noticed(client: Client, store: Store) -> None:
    for _ in range(3):
        await client.status.ListBatches(ListBatchesRequest())
        store.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fna-reports-server'"
        )


async def test_the_server_sweeps(database_url: str, tmp_path: Path, store: Store) -> None:
    batch = store.submit(1, dispatched=False)
    store.rows("DELETE FROM kombu_message")
    store.pass_time(batch, "1 minute")

    async def dispatched() -> bool:
        return bool(await asyncio.to_thread(store.waiting, "report_processing"))

    async with running(database_url, tmp_path, sweep_seconds=0.05):
        await eventually_async(dispatched, 10, "the dispatch of the batch")


async def start(folder: Path, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FNA_REPORTS_", "DATABASE_URL"))}
    kept["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "reports_server",
        *arguments,
        env=kept | variables,
        cwd=folder,
        stderr=asyncio.subprocess.PIPE,
    )


async def listening(process: asyncio.subprocess.Process, log: list[str]) -> str:
    """Read the log until the server says where it listens."""
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode():
        log.append(line)
        if "listening on " in line:
            return line.split("listening on ")[1].split(": ")[0]
    raise AssertionError("".join(log))


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_a_server_migrates_an_empty_database_serves_and_stops_at_a_signal(
    empty_database_url: str, tmp_path: Path, sign: signal.Signals
) -> None:
    (tmp_path / ".env").write_text(f"DATABASE_URL={empty_database_url}\nFNA_REPORTS_GRPC_ADDRESS=127.0.0.1:0\n")
    process = await start(tmp_path, "--services", "status")
    log: list[str] = []
    try:
        async with asyncio.timeout(60):
            address = await listening(process, log)
            async with connect(address) as client:
                assert not (await client.status.ListBatches(ListBatchesRequest())).batches
                process.send_signal(sign)
                _, rest = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert "Traceback" not in "".join(log) + rest.decode()
    assert "BatchSubmissionService" not in "".join(log)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "postgresql://localhost:1/none"}, "cannot work with the database of DATABASE_URL"),
        (
            {"DATABASE_URL": "postgresql://localhost:1/none", "FNA_REPORTS_GRPC_ADDRESS": "0.0.0.0:0"},
            "FNA_REPORTS_ALLOW_UNAUTHENTICATED=true",
        ),
    ],
)
async def test_a_server_that_cannot_start_says_why_in_a_line(
    tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    process = await start(tmp_path, **variables)
    _, log = await process.communicate()
    assert process.returncode == 1
    assert said in log.decode()
    assert "Traceback" not in log.decode()


async def test_a_server_refuses_a_database_of_a_newer_release_in_a_line(
    database_url: str, tmp_path: Path, store: Store
) -> None:
    store.rows("UPDATE alembic_version SET version_num = '9999'")
    process = await start(tmp_path, DATABASE_URL=database_url)
    _, log = await process.communicate()
    assert process.returncode == 1
    assert "are those of a newer release (revision 9999): upgrade this one" in log.decode()
    assert "Traceback" not in log.decode()


async def test_an_unknown_service_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    process = await start(tmp_path, "--services", "status,billing")
    _, log = await process.communicate()
    assert process.returncode == 2
    assert "unknown service 'billing'; choose from submission, status, reports, diagnostics" in log.decode()
