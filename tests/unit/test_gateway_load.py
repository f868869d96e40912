"""Clients of the gateway that are slow or many, beside the others."""

from __future__ import annotations

import asyncio
import sys
import time
from urllib.parse import urlsplit

import httpx
import pytest

from fna.reports.v1 import batch_pb2
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import GetBatchResponse, WatchBatchResponse
from tests.unit.gateway_peer import BATCH_ID, Gateway, Peer, batch, running, serve

BATCH = f"/v1/reports/batch/{BATCH_ID}"
STREAMS = 1000
SECONDS = 60
"""Backstop, for a machine that is busy with other things."""
PROMPT_SECONDS = 2
"""A call takes some milliseconds; one that waits for slow clients, as long as those do."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def peer() -> Peer:
    return Peer(answers={"GetBatch": GetBatchResponse(batch=batch())})


async def watch(client: httpx.AsyncClient) -> Stream:
    """Open a stream of events and read its head."""
    address = urlsplit(str(client.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET {BATCH}/events HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    return reader, writer


async def slowest(gateway: Gateway) -> float:
    """Get a batch many times; return the seconds of the slowest but one in a hundred."""
    times = []
    for _ in range(100):
        began = time.monotonic()
        assert (await gateway.client.get(BATCH)).status_code == 200
        times.append(time.monotonic() - began)
    return sorted(times)[-2]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit how long a write waits")
async def test_a_client_that_never_reads_is_cut_off(peer: Peer) -> None:
    # As JSON 18 MB, more than all buffers on the way hold.
    large = batch_pb2.BatchItemsChanged(positions=range(10_000_000, 12_000_000))
    peer.stream.put_nowait(WatchBatchResponse(events=[BatchEvent(batch_id=BATCH_ID, sequence=1, items_changed=large)]))
    async with serve(peer) as target, running(target, unread_seconds=0.5) as gateway, asyncio.timeout(SECONDS):
        _, writer = await watch(gateway.client)
        await peer.watch_cancelled.wait()
        writer.close()
        assert await slowest(gateway) < PROMPT_SECONDS
    assert len(gateway.watches) == 0


async def test_a_thousand_streams_starve_nobody_and_end_cleanly(peer: Peer) -> None:
    async with serve(peer) as target, running(target, patience_seconds=SECONDS) as gateway, asyncio.timeout(SECONDS):
        streams: list[Stream] = []
        while len(streams) < STREAMS:
            streams += await asyncio.gather(*(watch(gateway.client) for _ in range(250)))
        assert len(gateway.watches) == STREAMS
        assert await slowest(gateway) < PROMPT_SECONDS
        gateway.server.should_exit = True
        for reader, writer in streams:
            # Its last chunk says that nothing is missing.
            assert (await reader.read()).endswith(b"0\r\n\r\n")
            writer.close()
    assert len(gateway.watches) == 0
