"""Waiting for the events of one batch without a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from tests.unit.gateway_peer import Gateway, Peer, refusal, running, serve
from tests.unit.test_gateway_events import EVENTS, WATCH, end, final, item_changed, progress, request, send


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
async def gateway(peer: Peer) -> AsyncIterator[Gateway]:
    async with serve(peer) as target, running(target) as gateway:
        yield gateway


async def poll(gateway: Gateway, **params: str) -> dict[str, Any]:
    answer = await gateway.client.get(EVENTS, params={"wait": "30s", **params})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def test_events_that_are_there_come_at_once(gateway: Gateway, peer: Peer) -> None:
    send(peer, item_changed(2), item_changed(3))
    page = await poll(gateway, after_sequence="1")
    assert [event["sequence"] for event in page["events"]] == [2, 3]
    assert (page["last_sequence"], page["final"]) == (3, False)
    assert request(peer).after_sequence == 1
    async with asyncio.timeout(5):
        await peer.watch_cancelled.wait()
    assert len(gateway.watches) == 0


async def test_the_last_events_say_that_nothing_follows(gateway: Gateway, peer: Peer) -> None:
    send(peer, item_changed(2), final(3))
    page = await poll(gateway, after_sequence="1")
    assert (page["last_sequence"], page["final"]) == (3, True)


async def test_a_poll_after_the_end_says_so_without_a_wait(gateway: Gateway, peer: Peer) -> None:
    end(peer)
    assert await poll(gateway, after_sequence="3") == {"events": [], "last_sequence": 3, "final": True}


async def test_progress_alone_ends_no_poll(gateway: Gateway, peer: Peer) -> None:
    send(peer, progress(2))
    send(peer, item_changed(3))
    assert [event["sequence"] for event in (await poll(gateway, after_sequence="2"))["events"]] == [3]


async def test_a_poll_without_news_ends_with_its_wait(gateway: Gateway, peer: Peer) -> None:
    page = await poll(gateway, after_sequence="7", wait="0.05s")
    assert page == {"events": [], "last_sequence": 7, "final": False}


async def test_a_poll_that_fails_is_a_problem(gateway: Gateway, peer: Peer) -> None:
    end(peer, refusal(grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_COMPACTED", oldest_sequence="9"))
    answer = await gateway.client.get(WATCH, params={"wait": "30s", "after_sequence": "1"})
    assert (answer.status_code, answer.json()["metadata"]["oldest_sequence"]) == (410, 9)


async def test_a_gateway_that_stops_answers_its_polls(gateway: Gateway, peer: Peer) -> None:
    waiting = asyncio.create_task(gateway.client.get(EVENTS, params={"wait": "30s", "after_sequence": "1"}))
    async with asyncio.timeout(5):
        await peer.watching.wait()
        gateway.server.should_exit = True
        answer = await waiting
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("wait", ["0s", "61s", "30", "-1s"])
async def test_a_wait_out_of_bounds_is_refused(gateway: Gateway, peer: Peer, wait: str) -> None:
    answer = await gateway.client.get(EVENTS, params={"wait": wait})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "wait"
    assert not peer.requests


async def test_a_client_that_goes_away_ends_its_poll(gateway: Gateway, peer: Peer) -> None:
    url = gateway.client.base_url
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"GET {EVENTS}?wait=60s HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await peer.watching.wait()
    writer.transport.abort()
    async with asyncio.timeout(5):
        await peer.watch_cancelled.wait()
