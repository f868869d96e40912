"""A batch's events over HTTP: server-sent events that can be resumed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import grpc
import pytest
from google.rpc.status_pb2 import Status

from fna.reports.v1 import batch_pb2
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest, WatchBatchResponse
from tests.unit.gateway_peer import BATCH_ID, REPORT_ID, TASK_ID, Gateway, Peer, batch, refusal, running, serve

EVENTS = f"/v1/reports/batch/{BATCH_ID}/events"
WATCH = f"/v1/reports/batch/{BATCH_ID}:watch"


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
async def gateway(peer: Peer) -> AsyncIterator[Gateway]:
    async with serve(peer) as target, running(target) as gateway:
        yield gateway


def progress(sequence: int) -> BatchEvent:
    running = batch_pb2.BatchItemProgress(
        report_id=REPORT_ID, step="TEXT_EXTRACTION", fraction=0.3, position=1, attempt_count=2
    )
    return BatchEvent(batch_id=BATCH_ID, sequence=sequence, progress=running)


def item_changed(sequence: int) -> BatchEvent:
    return BatchEvent(
        batch_id=BATCH_ID,
        sequence=sequence,
        item_changed=batch_pb2.BatchItemChanged(
            previous_status=batch_pb2.BATCH_ITEM_STATUS_PENDING,
            item=batch_pb2.BatchItem(report_id=REPORT_ID, status=batch_pb2.BATCH_ITEM_STATUS_PROCESSING),
            counters=batch_pb2.BatchCounters(total_reports=2, running=1),
        ),
    )


def items_changed(sequence: int) -> BatchEvent:
    return BatchEvent(
        batch_id=BATCH_ID,
        sequence=sequence,
        items_changed=batch_pb2.BatchItemsChanged(
            status=batch_pb2.BATCH_ITEM_STATUS_CANCELLED,
            positions=[0, 1],
            counters=batch_pb2.BatchCounters(cancelled=2),
        ),
    )


def final(sequence: int) -> BatchEvent:
    return BatchEvent(
        batch_id=BATCH_ID,
        sequence=sequence,
        status_changed=batch_pb2.BatchStatusChanged(
            previous_status=batch_pb2.BATCH_STATUS_PROCESSING,
            batch=batch(status=batch_pb2.BATCH_STATUS_COMPLETED),
            final=True,
        ),
    )


def send(peer: Peer, *events: BatchEvent) -> None:
    peer.stream.put_nowait(WatchBatchResponse(events=events))


def end(peer: Peer, status: Status | None = None) -> None:
    peer.stream.put_nowait(status)


def request(peer: Peer) -> WatchBatchRequest:
    (found,) = peer.requests
    assert isinstance(found, WatchBatchRequest)
    return found


def blocks(text: str) -> list[dict[str, str]]:
    """Split a stream into its blocks, each as its fields; a comment is the field without a name."""
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.split("\n\n") if block]


async def test_events_have_kind_id_and_json(gateway: Gateway, peer: Peer) -> None:
    send(peer, BatchEvent(batch_id=BATCH_ID, sequence=1, snapshot=batch()))
    send(peer, item_changed(2), progress(2), items_changed(3))
    send(peer, final(4))
    end(peer)
    answer = await gateway.client.get(WATCH)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    retry, *events = blocks(answer.text)
    assert retry == {"retry": "1000"}
    assert [(event["event"], event.get("id")) for event in events] == [
        ("snapshot", "1"),
        ("item_changed", "2"),
        ("progress", None),
        ("items_changed", "3"),
        ("status_changed", "4"),
    ]
    data = [json.loads(event["data"]) for event in events]
    assert data[0]["snapshot"]["status"] == "PROCESSING"
    assert data[0]["snapshot"]["processed_at"] is None
    assert data[1]["item_changed"]["previous_status"] == "PENDING"
    assert data[1]["item_changed"]["item"]["status"] == "PROCESSING"
    assert data[1]["item_changed"]["counters"]["running"] == 1
    assert data[2] == {
        "batch_id": BATCH_ID,
        "sequence": 2,
        "occurred_at": None,
        "progress": {
            "report_id": REPORT_ID,
            "position": 1,
            "attempt_count": 2,
            "step": "TEXT_EXTRACTION",
            "fraction": 0.3,
        },
    }
    assert data[3]["items_changed"]["positions"] == [0, 1]
    assert data[4]["status_changed"]["final"] is True


async def test_both_paths_are_the_same_stream(gateway: Gateway, peer: Peer) -> None:
    for path in (WATCH, EVENTS):
        send(peer, item_changed(2))
        end(peer)
        assert len(blocks((await gateway.client.get(path)).text)) == 2
    first, second = peer.requests
    assert first == second


async def test_heartbeats_are_comments(gateway: Gateway, peer: Peer) -> None:
    send(peer, BatchEvent(batch_id=BATCH_ID, sequence=3, heartbeat=batch_pb2.Heartbeat()))
    end(peer)
    assert (await gateway.client.get(EVENTS)).text == "retry: 1000\n\n: heartbeat\n\n"


async def test_of_a_kind_that_only_a_newer_server_knows_the_sequence_is_told(gateway: Gateway, peer: Peer) -> None:
    send(peer, BatchEvent(batch_id=BATCH_ID, sequence=3), item_changed(4))
    end(peer)
    _, unknown, event = blocks((await gateway.client.get(EVENTS)).text)
    assert unknown == {"id": "3"}
    assert event["id"] == "4"


async def test_a_watch_without_parameters_starts_with_the_present(gateway: Gateway, peer: Peer) -> None:
    end(peer)
    await gateway.client.get(EVENTS)
    assert not request(peer).HasField("after_sequence")
    assert request(peer).heartbeat_interval.seconds == 15


async def test_a_watch_passes_on_all_parameters(gateway: Gateway, peer: Peer) -> None:
    end(peer)
    params = {
        "task_id": TASK_ID,
        "after_sequence": "0",
        "heartbeat_interval": "2s",
        "exclude_item_events": "true",
    }
    await gateway.client.get(EVENTS, params=params)
    expected = WatchBatchRequest(batch_id=BATCH_ID, task_id=TASK_ID, after_sequence=0, exclude_item_events=True)
    expected.heartbeat_interval.seconds = 2
    assert request(peer) == expected


async def test_the_last_event_id_wins_over_the_url(gateway: Gateway, peer: Peer) -> None:
    end(peer)
    await gateway.client.get(EVENTS, params={"after_sequence": 3}, headers={"Last-Event-ID": "9"})
    assert request(peer).after_sequence == 9


async def test_an_empty_last_event_id_is_none(gateway: Gateway, peer: Peer) -> None:
    end(peer)
    await gateway.client.get(EVENTS, headers={"Last-Event-ID": ""})
    assert not request(peer).HasField("after_sequence")


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND", 404),
        (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_COMPACTED", 410),
        (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_AHEAD", 400),
        (grpc.StatusCode.UNAVAILABLE, "SERVER_DRAINING", 503),
    ],
)
async def test_an_error_before_the_first_event_is_a_status(
    gateway: Gateway, peer: Peer, code: grpc.StatusCode, reason: str, status: int
) -> None:
    end(peer, refusal(code, reason))
    answer = await gateway.client.get(EVENTS)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


async def test_a_reconnect_after_the_final_event_is_told_to_stop(gateway: Gateway, peer: Peer) -> None:
    end(peer)
    answer = await gateway.client.get(EVENTS, headers={"Last-Event-ID": "4"})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("reason", ["SERVER_DRAINING", "WATCHER_TOO_SLOW"])
async def test_an_error_after_the_first_event_ends_the_stream_for_a_reconnect(
    gateway: Gateway, peer: Peer, reason: str
) -> None:
    send(peer, item_changed(2))
    end(peer, refusal(grpc.StatusCode.UNAVAILABLE, reason))
    answer = await gateway.client.get(EVENTS)
    assert [block.get("id") for block in blocks(answer.text)] == [None, "2"]


async def test_a_quiet_batch_does_not_hold_back_the_response(gateway: Gateway, peer: Peer) -> None:
    async with gateway.client.stream("GET", EVENTS, headers={"Last-Event-ID": "4"}) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        send(peer, item_changed(5))
        async with asyncio.timeout(5):
            while await anext(lines) != "id: 5":
                pass
        end(peer)


async def test_events_go_out_one_by_one(gateway: Gateway, peer: Peer) -> None:
    send(peer, item_changed(1))
    async with gateway.client.stream("GET", EVENTS) as answer, asyncio.timeout(5):
        lines = answer.aiter_lines()
        for sequence in range(1, 4):
            while await anext(lines) != f"id: {sequence}":
                pass
            send(peer, item_changed(sequence + 1))
        end(peer)


async def test_a_client_that_leaves_ends_the_call(gateway: Gateway, peer: Peer) -> None:
    send(peer, item_changed(1))
    async with gateway.client.stream("GET", EVENTS) as answer:
        await anext(answer.aiter_lines())
        assert not peer.watch_cancelled.is_set()
    async with asyncio.timeout(5):
        await peer.watch_cancelled.wait()


async def test_a_client_that_leaves_before_the_first_event_ends_the_call(gateway: Gateway, peer: Peer) -> None:
    leaving = asyncio.create_task(gateway.client.get(EVENTS))
    async with asyncio.timeout(5):
        await peer.watching.wait()
        leaving.cancel()
        await peer.watch_cancelled.wait()


async def test_a_watch_that_is_over_is_forgotten(peer: Peer) -> None:
    async with serve(peer) as target, running(target) as gateway:
        send(peer, item_changed(1))
        async with gateway.client.stream("GET", EVENTS) as answer:
            assert len(gateway.watches) == 1
            end(peer)
            await answer.aread()
        end(peer)
        await gateway.client.get(EVENTS, headers={"Last-Event-ID": "1"})
        end(peer, refusal(grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND"))
        await gateway.client.get(EVENTS)
    assert len(gateway.watches) == 0


async def test_a_gateway_that_stops_ends_its_streams_cleanly(gateway: Gateway, peer: Peer) -> None:
    send(peer, item_changed(1))
    async with gateway.client.stream("GET", EVENTS) as answer, asyncio.timeout(5):
        lines = answer.aiter_lines()
        while await anext(lines) != "id: 1":
            pass
        gateway.server.should_exit = True
        # A stream that is cut off instead raises RemoteProtocolError here.
        assert [line async for line in lines] == [""]
        await peer.watch_cancelled.wait()


async def test_a_gateway_that_stops_refuses_a_watch_that_has_not_begun(gateway: Gateway, peer: Peer) -> None:
    waiting = asyncio.create_task(gateway.client.get(EVENTS))
    async with asyncio.timeout(5):
        await peer.watching.wait()
        gateway.server.should_exit = True
        answer = await waiting
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_stopping_gateway_does_not_wait_for_a_client_that_does_not_read(
    gateway: Gateway, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    # As JSON 18 MB, more than all buffers on the way hold.
    large = batch_pb2.BatchItemsChanged(positions=range(10_000_000, 12_000_000))
    send(peer, BatchEvent(batch_id=BATCH_ID, sequence=1, items_changed=large))
    async with gateway.client.stream("GET", EVENTS) as answer, asyncio.timeout(20):
        chunks = answer.aiter_bytes()
        while b"positions" not in await anext(chunks):
            pass
        gateway.server.should_exit = True
        await gateway.stopped.wait()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_reconnect_waits_for_a_service_that_restarts(peer: Peer) -> None:
    async with serve(peer) as target:
        pass
    async with running(target) as gateway:
        first = await gateway.client.get(EVENTS)
        assert first.status_code == 503
        async with gateway.client.stream("GET", EVENTS, headers={"Last-Event-ID": "1"}) as answer:
            assert answer.status_code == 200
            send(peer, item_changed(2))
            end(peer)
            async with serve(peer, target):
                text = "".join([chunk async for chunk in answer.aiter_text()])
    assert [block.get("id") for block in blocks(text)] == [None, "2"]


async def test_a_stream_that_is_silent_too_long_is_given_up(gateway: Gateway, peer: Peer) -> None:
    send(peer, item_changed(1))
    async with asyncio.timeout(5):
        answer = await gateway.client.get(EVENTS, params={"heartbeat_interval": "0.1s"})
        await peer.watch_cancelled.wait()
    assert [block.get("id") for block in blocks(answer.text)] == [None, "1"]
