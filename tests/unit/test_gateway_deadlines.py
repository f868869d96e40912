"""How long a caller waits, and what becomes of a call whose caller went away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from tests.unit.gateway_peer import BATCH_ID, REPORT_ID, Peer, batch, in_process, running, serve

BATCH = f"/v1/reports/batch/{BATCH_ID}"


@pytest.fixture
def peer() -> Peer:
    return Peer(
        answers={
            "GetBatch": status_pb2.GetBatchResponse(batch=batch()),
            "CancelBatch": submission_pb2.CancelBatchResponse(batch=batch()),
        }
    )


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


@pytest.mark.parametrize(("given", "least", "most"), [(None, 25, 30), ("2.5", 1, 2.5), ("3600", 25, 30)])
async def test_the_time_of_the_caller_is_the_time_of_the_call(
    client: httpx.AsyncClient, peer: Peer, given: str | None, least: float, most: float
) -> None:
    await client.get(BATCH, headers={"Request-Timeout": given} if given else {})
    (seconds,) = peer.seconds
    assert seconds is not None
    # Two clocks.
    assert least < seconds < most + 0.5


async def test_a_call_that_takes_longer_than_its_caller_waits_is_504(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.holding = True
    answer = await client.get(BATCH, headers={"Request-Timeout": "1"})
    assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")
    await peer.call_cancelled.wait()


@pytest.mark.parametrize("given", ["0.5", "-1", "soon", "nan", "inf", ""])
async def test_a_time_that_is_none_is_named(client: httpx.AsyncClient, peer: Peer, given: str) -> None:
    answer = await client.get(BATCH, headers={"Request-Timeout": given})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Request-Timeout"
    assert peer.requests == []


@pytest.mark.parametrize(
    "request_head",
    [
        f"GET {BATCH} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"POST {BATCH}:cancel HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}",
    ],
)
async def test_a_caller_that_goes_away_cancels_the_call(
    peer: Peer, request_head: str, caplog: pytest.LogCaptureFixture
) -> None:
    peer.holding = True
    async with serve(peer) as target, running(target) as gateway:
        url = gateway.client.base_url
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(request_head.encode())
        await peer.called.wait()
        writer.transport.abort()
        await peer.call_cancelled.wait()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_caller_that_goes_away_while_its_upload_is_registered_cancels_it(peer: Peer) -> None:
    peer.holding = True
    body = (
        f'--b\r\nContent-Disposition: form-data; name="company_id"\r\n\r\n{REPORT_ID}\r\n'
        '--b\r\nContent-Disposition: form-data; name="report_type"\r\n\r\n10_K\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ntext\r\n--b--\r\n'
    )
    head = (
        "POST /v1/reports HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    async with serve(peer) as target, running(target) as gateway:
        url = gateway.client.base_url
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write((head + body).encode())
        await peer.called.wait()
        writer.transport.abort()
        await peer.call_cancelled.wait()
    assert len(peer.uploads) == 1
