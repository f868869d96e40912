"""The events of many batches over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import grpc
import pytest

from fna.reports.v1 import batch_pb2
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import WatchBatchesRequest, WatchBatchesResponse
from tests.unit.gateway_peer import BATCH_ID, Gateway, Peer, refusal, running, serve
from tests.unit.test_gateway_events import blocks, end, final, item_changed, progress

WATCH = "/v1/reports/batch:watch"


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
async def gateway(peer: Peer) -> AsyncIterator[Gateway]:
    async with serve(peer) as target, running(target) as gateway:
        yield gateway


def send(peer: Peer, token: str, *events: BatchEvent) -> None:
    peer.stream.put_nowait(WatchBatchesResponse(events=events, resume_token=token))


def request(peer: Peer) -> WatchBatchesRequest:
    (found,) = peer.requests
    assert isinstance(found, WatchBatchesRequest)
    return found


async def test_the_last_event_of_a_message_has_the_token_to_continue_with(gateway: Gateway, peer: Peer) -> None:
    send(peer, "t1", item_changed(2), item_changed(3))
    send(peer, "t2", BatchEvent(heartbeat=batch_pb2.Heartbeat()))
    send(peer, "t3", final(4))
    end(peer)
    answer = await gateway.client.get(WATCH)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    _, *events = blocks(answer.text)
    assert [(event.get("event"), event.get("id")) for event in events] == [
        ("item_changed", None),
        ("item_changed", "t1"),
        (None, "t2"),
        ("status_changed", "t3"),
    ]
    assert json.loads(events[0]["data"])["batch_id"] == BATCH_ID
    assert "data" not in events[2]


async def test_the_filter_and_the_token_are_passed_on(gateway: Gateway, peer: Peer) -> None:
    end(peer)
    params = {"status": "PROCESSING", "label": "team:red", "batch_id": BATCH_ID, "exclude_item_events": "true"}
    await gateway.client.get(WATCH, params={**params, "resume_token": "old", "heartbeat_interval": "2s"})
    asked = request(peer)
    assert list(asked.filter.statuses) == [batch_pb2.BATCH_STATUS_PROCESSING]
    assert dict(asked.filter.labels) == {"team": "red"}
    assert list(asked.filter.batch_ids) == [BATCH_ID]
    assert (asked.resume_token, asked.heartbeat_interval.seconds, asked.exclude_item_events) == ("old", 2, True)


async def test_a_browser_that_reconnects_continues_after_its_last_event(gateway: Gateway, peer: Peer) -> None:
    end(peer)
    await gateway.client.get(WATCH, params={"resume_token": "old"}, headers={"Last-Event-ID": "new"})
    assert request(peer).resume_token == "new"


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED", 410),
        (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID", 400),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS", 429),
    ],
)
async def test_a_watch_that_cannot_begin_is_a_real_status(
    gateway: Gateway, peer: Peer, code: grpc.StatusCode, reason: str, status: int
) -> None:
    end(peer, refusal(code, reason))
    answer = await gateway.client.get(WATCH)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


async def test_a_poll_is_answered_with_the_next_events(gateway: Gateway, peer: Peer) -> None:
    send(peer, "t1", progress(2))
    send(peer, "t2", item_changed(3))
    answer = await gateway.client.get(WATCH, params={"wait": "30s", "resume_token": "t0"})
    assert answer.headers["content-type"] == "application/json"
    page = answer.json()
    assert page["resume_token"] == "t2"
    assert [event["sequence"] for event in page["events"]] == [3]
    assert request(peer).heartbeat_interval.seconds == 60


async def test_a_poll_without_news_keeps_its_place(gateway: Gateway, peer: Peer) -> None:
    answer = await gateway.client.get(WATCH, params={"wait": "0.05s", "resume_token": "t0"})
    assert answer.json() == {"events": [], "resume_token": "t0"}
