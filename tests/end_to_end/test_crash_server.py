"""A watch that is cut because its server is killed continues without a gap or a repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event

import httpx
import pytest

from fna.reports import AsyncReportsClient, ReportsClient
from fna.reports.v1.batch_pb2 import BatchEvent
from tests.support.exactness import require_exact, require_whole_history
from tests.support.stack import Running, Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

Watch = Callable[[str, str], list[BatchEvent]]


@pytest.fixture
def own_stack(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    """Give a stack whose server may be killed."""
    with Stack(database_url, tmp_path) as stack:
        yield stack


def watch(target: str, batch_id: str) -> list[BatchEvent]:
    with ReportsClient(target) as client:
        return list(client.watch(batch_id, after_sequence=0))


def watch_async(target: str, batch_id: str) -> list[BatchEvent]:
    async def run() -> list[BatchEvent]:
        async with AsyncReportsClient(target) as client:
            return [event async for event in client.watch(batch_id, after_sequence=0)]

    return asyncio.run(run())


class HeldBatch:
    """A batch whose sixth report waits until it is released."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        numbers = count()
        self._held = next(path for path in (folder / f"held{number}" for number in numbers) if not path.exists())
        self.batch_id = stack.submit(*["quick"] * 5, f"wait {self._held}", *["quick"] * 5).batch_id

    def in_the_middle(self) -> None:
        eventually(self._held.exists, 60, "the start of the sixth report")

    def release(self) -> None:
        Path(f"{self._held}.go").touch()


def restart(stack: Stack, server: Running) -> Running:
    server.kill()
    return stack.start_server()


def test_clients_continue_by_themselves(own_stack: Stack, tmp_path: Path) -> None:
    server = own_stack.start_server()
    own_stack.start_worker(concurrency=1)
    held = HeldBatch(own_stack, tmp_path)
    with ThreadPoolExecutor(2) as threads:
        watched = [threads.submit(each, own_stack.grpc_address, held.batch_id) for each in (watch, watch_async)]
        held.in_the_middle()
        server = restart(own_stack, server)
        held.release()
        batch = own_stack.finished(held.batch_id)
        for each in watched:
            require_whole_history(each.result(60), batch)
    require_exact(own_stack, batch)


def test_an_event_source_continues_with_the_id_of_its_last_event(own_stack: Stack, tmp_path: Path) -> None:
    server = own_stack.start_server()
    own_stack.start_gateway()
    own_stack.start_worker(concurrency=1)
    held = HeldBatch(own_stack, tmp_path)
    url = f"http://{own_stack.rest_address}/v1/reports/batch/{held.batch_id}/events"
    begun = Event()
    with ThreadPoolExecutor(1) as threads:
        before = threads.submit(event_ids, url, "0", begun)
        held.in_the_middle()
        assert begun.wait(60)
        server = restart(own_stack, server)
        seen = before.result(60)
    held.release()
    batch = own_stack.finished(held.batch_id)
    assert seen
    seen += event_ids(url, str(seen[-1]))
    assert seen == list(range(1, batch.last_sequence + 1))
    with httpx.Client() as http:
        assert http.get(url, headers={"Last-Event-ID": str(seen[-1])}).status_code == httpx.codes.NO_CONTENT


def event_ids(url: str, last_event_id: str, begun: Event | None = None) -> list[int]:
    """Return the ids of the stream's events, to its end; sets `begun` once it is open."""
    with httpx.stream("GET", url, headers={"Last-Event-ID": last_event_id}, timeout=60) as response:
        assert response.status_code == httpx.codes.OK
        if begun is not None:
            begun.set()
        return [int(line.removeprefix("id:")) for line in response.iter_lines() if line.startswith("id:")]
