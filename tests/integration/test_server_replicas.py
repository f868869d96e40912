"""Several servers behind one address, and connections that end without a word: every watch goes on exactly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from pathlib import Path

import grpc
import pytest
from sqlalchemy import text

from fna.reports import AsyncReportsClient
from fna.reports.v1.batch_status_service_pb2 import GetBatchRequest
from reports_core.storage.records import Batch
from reports_server.server import Service, serving
from tests.support.server import connect, refusal, running, server_settings
from tests.support.stack import Running, Stack
from tests.support.storage import Store
from tests.support.waiting import eventually

# Columns of /proc/net/tcp.
_LOCAL, _STATUS, _INODE = 1, 3, 9


def connections(server: Running, address: str) -> int:
    """Return how many clients are connected to a server."""
    process = Path(f"/proc/{server.process.pid}")
    port = f":{int(address.rpartition(':')[2]):04X}"
    rows = [row.split() for table in ("tcp", "tcp6") for row in (process / "net" / table).read_text().splitlines()[1:]]
    connected = {f"socket:[{row[_INODE]}]" for row in rows if row[_LOCAL].endswith(port) and row[_STATUS] == "01"}
    return len(connected & open_files(process))


def open_files(process: Path) -> set[str]:
    found = set()
    for descriptor in (process / "fd").iterdir():
        # Some are closed meanwhile.
        with contextlib.suppress(FileNotFoundError):
            found.add(str(descriptor.readlink()))
    return found


def sequences(watch: Running) -> list[int]:
    return [int(json.loads(line)["sequence"]) for line in watch.output().splitlines() if line.startswith("{")]


def was_cut(watch: Running) -> bool:
    return "connection lost, continuing" in watch.output()


def start_watch(stack: Stack, batch: Batch) -> Running:
    """Start a watch and wait for its first event."""
    watch = stack.start_watch(str(batch.batch_id))
    eventually(lambda: sequences(watch), 30, "the first event of the watch")
    return watch


def require_exact(store: Store, batch: Batch, watches: list[Running]) -> None:
    """Demand that each watch ends by itself and has seen what the table has."""
    for watch in watches:
        watch.ended_well()
        assert sequences(watch) == [event.sequence for event in store.events(batch)]


def test_watches_of_a_killed_server_go_on_exactly_at_another_one_on_the_same_port(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    batch = store.submit(6)
    with Stack(database_url, tmp_path, FNA_REPORTS_SHARE_PORT="true") as stack:
        servers = [stack.start_server(), stack.start_server()]
        watches = [start_watch(stack, batch)]
        # The kernel picks the server by the port that a client has, which is any.
        while not all(connections(server, stack.grpc_address) for server in servers):
            assert len(watches) < 20, "all of them are at one server"
            watches.append(start_watch(stack, batch))
        for position in range(3):
            store.run(batch, position)
        servers[0].kill()
        for position in range(3, 6):
            store.run(batch, position)
        require_exact(store, batch, watches)
        assert 0 < sum(map(was_cut, watches)) < len(watches)


def test_a_port_is_not_shared_unless_asked_for(database_url: str, tmp_path: Path) -> None:
    with Stack(database_url, tmp_path) as stack:
        stack.start_server()
        with pytest.raises(Exception, match="cannot listen on FNA_REPORTS_GRPC_ADDRESS"):
            stack.start_server()


def test_a_client_that_is_silent_is_let_go_and_goes_on_when_it_is_back(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    batch = store.submit(2)
    settings = {"FNA_REPORTS_KEEPALIVE_SECONDS": "1", "FNA_REPORTS_KEEPALIVE_TIMEOUT_SECONDS": "0.5"}
    with Stack(database_url, tmp_path, **settings) as stack:
        server = stack.start_server()
        watch = start_watch(stack, batch)
        assert connections(server, stack.grpc_address) == 1
        watch.process.send_signal(signal.SIGSTOP)
        eventually(lambda: not connections(server, stack.grpc_address), 15, "the end of the connection")
        store.run(batch, 0)
        watch.process.send_signal(signal.SIGCONT)
        store.run(batch, 1)
        require_exact(store, batch, [watch])
        assert was_cut(watch)


async def test_a_watch_outlives_the_connections_that_get_too_old(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    batch = store.submit(2)
    settings = server_settings(
        database_url, tmp_path, max_connection_age_seconds=1, max_connection_age_grace_seconds=0.2
    )
    async with serving(settings, list(Service)) as address, AsyncReportsClient(address) as client:

        async def watch() -> list[int]:
            return [event.sequence async for event in client.watch(batch.batch_id, after_sequence=0)]

        watching = asyncio.create_task(watch())
        for position in range(2):
            async with connect(address) as other:
                with pytest.raises(grpc.aio.AioRpcError, match="max connection age") as aged:
                    await other.watch(batch.batch_id)
            assert aged.value.code() is grpc.StatusCode.UNAVAILABLE
            await asyncio.to_thread(store.run, batch, position)
        assert await watching == [event.sequence for event in store.events(batch)]


async def test_a_statement_that_hangs_is_given_up(store: Store, database_url: str, tmp_path: Path) -> None:
    batch = store.submit(1)
    get = GetBatchRequest(batch_id=str(batch.batch_id))
    async with running(database_url, tmp_path, statement_timeout_seconds=0.3) as client:
        with store.engine.connect() as blocking, blocking.begin():
            blocking.execute(text("LOCK TABLE batches"))
            for call in (client.status.GetBatch(get), client.watch(batch.batch_id)):
                refused = await refusal(call)
                assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        assert (await client.status.GetBatch(get)).batch.batch_id == str(batch.batch_id)
