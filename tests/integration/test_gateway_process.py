"""The gateway as a process: how it starts, what it says and how it stops."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fna.reports.v1 import batch_pb2
from fna.reports.v1.batch_status_service_pb2 import WatchBatchResponse
from tests.unit.gateway_peer import BATCH_ID, Peer, batch, serve

LISTENING = re.compile(r"Listening on (http://\S+)")


@dataclass
class Process:
    """A running gateway and what it has logged."""

    process: asyncio.subprocess.Process
    url: str
    log: list[str]

    async def stop(self, sign: signal.Signals) -> int:
        """Send the signal, read the log to its end and return the exit status."""
        self.process.send_signal(sign)
        async with asyncio.timeout(20):
            await read(self.process, self.log, until=None)
            return await self.process.wait()


async def read(process: asyncio.subprocess.Process, log: list[str], until: re.Pattern[str] | None) -> str:
    """Read the log up to a line that matches and return the first group; else read to the end."""
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode():
        log.append(line)
        if until is not None and (match := until.search(line)):
            return match.group(1)
    return ""


async def start(folder: Path, **settings: str) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FNA_REPORTS_")}
    kept["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "reports_gateway",
        env=kept | {f"FNA_REPORTS_{name}": value for name, value in settings.items()},
        cwd=folder,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def gateway(folder: Path, target: str) -> AsyncIterator[Process]:
    process = await start(folder, REST_ADDRESS="127.0.0.1:0", SERVER=target)
    log: list[str] = []
    try:
        async with asyncio.timeout(30):
            yield Process(process, await read(process, log, LISTENING), log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_gateway_and_its_streams_without_a_traceback(
    tmp_path: Path, sign: signal.Signals
) -> None:
    peer = Peer()
    snapshot = batch_pb2.BatchEvent(batch_id=BATCH_ID, sequence=3, snapshot=batch())
    peer.stream.put_nowait(WatchBatchResponse(events=[snapshot]))
    async with (
        serve(peer) as target,
        gateway(tmp_path, target) as process,
        httpx.AsyncClient(base_url=process.url) as client,
        client.stream("GET", f"/v1/reports/batch/{BATCH_ID}/events") as answer,
    ):
        lines = answer.aiter_lines()
        while await anext(lines) != "id: 3":
            pass
        status = await process.stop(sign)
        assert [line async for line in lines] == [""]
    assert status == 0
    assert "Traceback" not in "".join(process.log)


async def test_a_gateway_takes_a_free_port_and_says_which(tmp_path: Path) -> None:
    async with gateway(tmp_path, "127.0.0.1:1") as process, httpx.AsyncClient() as client:
        assert (await client.get(f"{process.url}/healthz")).json() == {"status": "alive"}
        assert not process.url.endswith(":0")


async def test_a_taken_address_is_named_with_its_variable(tmp_path: Path) -> None:
    async with gateway(tmp_path, "127.0.0.1:1") as process:
        taken = process.url.removeprefix("http://")
        second = await start(tmp_path, REST_ADDRESS=taken)
        _, log = await second.communicate()
    assert second.returncode == 1
    assert f"FNA_REPORTS_REST_ADDRESS={taken}: Address already in use" in log.decode()
    assert "Traceback" not in log.decode()


async def test_an_open_address_is_refused_at_the_start(tmp_path: Path) -> None:
    process = await start(tmp_path, REST_ADDRESS="0.0.0.0:0")
    _, log = await process.communicate()
    assert process.returncode == 1
    assert "FNA_REPORTS_ALLOW_UNAUTHENTICATED" in log.decode()
    assert "Traceback" not in log.decode()
