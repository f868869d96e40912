"""A watch continues by itself, without a gap or a repeat, and tells what it cannot continue from."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, closing
from datetime import timedelta
from typing import cast

import grpc
import pytest
from google.rpc.status_pb2 import Status

from fna.reports import (
    AsyncReportsClient,
    DataLossError,
    NotFoundError,
    OutOfRangeError,
    ReportsClient,
    ReportsError,
    UnavailableError,
)
from fna.reports.v1.batch_status_service_pb2 import GetBatchResponse, WatchBatchRequest, WatchBatchResponse
from tests.unit.client_peer import (
    BATCH_ID,
    CALLERS,
    SILENCE,
    TASK_ID,
    Caller,
    Peer,
    Stream,
    batch,
    finished,
    heartbeat,
    item_changed,
    item_progress,
    message,
    refusal,
    sequences,
    snapshot,
    unavailable,
    watch,
)

pytestmark = [pytest.mark.parametrize("caller", CALLERS), pytest.mark.timeout(60)]

SHORT = timedelta(milliseconds=400)
SOON = timedelta(seconds=20)


def stream(*steps: object) -> Stream:
    """Return a stream that sends these, whatever was asked."""
    return lambda _: steps


def history(*, last: int, cut: Status | object, every: int) -> Stream:
    """Return a stream of a history that is cut after `every` events, from wherever it was asked to continue."""

    def steps(request: WatchBatchRequest) -> Iterator[object]:
        first = request.after_sequence + 1
        for sequence in range(first, min(first + every, last)):
            yield message(item_changed(sequence))
        if first + every < last:
            yield cut
        else:
            yield message(finished(last))

    return steps


@pytest.mark.parametrize(
    "cut",
    [
        unavailable(),
        unavailable(timedelta(milliseconds=10)),
        refusal(grpc.StatusCode.INTERNAL, text="RST_STREAM"),
        refusal(grpc.StatusCode.CANCELLED),
        refusal(grpc.StatusCode.UNKNOWN),
    ],
    ids=["unavailable", "draining", "reset", "cancelled", "unknown"],
)
def test_a_stream_that_is_cut_again_and_again_is_complete(caller: Caller, cut: Status) -> None:
    with Peer() as peer:
        peer.streams = [history(last=50, cut=cut, every=7)]
        assert sequences(watch(caller, peer, task_id=TASK_ID, after_sequence=0)) == list(range(1, 51))
        assert peer.watched_after() == [0, 7, 14, 21, 28, 35, 42]


def test_what_is_sent_again_is_not_handed_out_again(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [
            stream(message(snapshot(3), item_changed(4)), unavailable()),
            stream(message(item_changed(3), item_changed(4), item_changed(5)), message(finished(6))),
        ]
        assert sequences(watch(caller, peer)) == [3, 4, 5, 6]
        assert peer.watched_after() == [None, 4]


def test_after_an_event_was_left_out_it_asks_for_it(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [
            stream(message(snapshot(3), item_changed(4)), message(item_changed(6)), message(finished(7))),
            stream(message(item_changed(5), item_changed(6), finished(7))),
        ]
        assert sequences(watch(caller, peer)) == [3, 4, 5, 6, 7]


def test_a_server_that_leaves_out_an_event_every_time_is_given_up(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(message(item_changed(2)))]
        with pytest.raises(DataLossError, match="from event 0 to event 2") as raised:
            watch(caller, peer, task_id=TASK_ID, after_sequence=0)
        assert raised.value.reason == "SEQUENCE_GAP"
        assert len(peer.requests["WatchBatch"]) == 3


def test_after_compaction_it_starts_again_with_a_snapshot(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [
            stream(refusal(grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_COMPACTED", oldest_sequence="90")),
            stream(message(snapshot(100), finished(101))),
        ]
        events = watch(caller, peer, task_id=TASK_ID, after_sequence=5)
        assert sequences(events) == [100, 101]
        assert events[0].HasField("snapshot")
        assert peer.watched_after() == [5, None]


def test_a_position_ahead_of_the_batch_is_refused(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(refusal(grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_AHEAD"))]
        with pytest.raises(OutOfRangeError):
            watch(caller, peer, task_id=TASK_ID, after_sequence=5)
        assert len(peer.requests["WatchBatch"]) == 1


def test_a_batch_that_does_not_exist_is_told_at_once(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(refusal(grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND"))]
        with pytest.raises(NotFoundError):
            watch(caller, peer)


def test_an_error_of_the_server_itself_does_not_loop(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(refusal(grpc.StatusCode.UNKNOWN))]
        with pytest.raises(ReportsError):
            watch(caller, peer)
        assert len(peer.requests["WatchBatch"]) == 1


def test_heartbeats_are_not_handed_out_and_progress_is(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(message(snapshot(1), heartbeat(1), item_progress(1), item_progress(1), finished(2)))]
        kinds = [event.WhichOneof("event") for event in watch(caller, peer)]
        assert kinds == ["snapshot", "progress", "progress", "status_changed"]


def test_a_connection_that_falls_silent_is_dropped_and_resumed(caller: Caller) -> None:
    causes: list[ReportsError] = []
    with Peer() as peer:
        peer.streams = [
            stream(message(snapshot(1), item_changed(2)), SILENCE),
            stream(message(finished(3))),
        ]
        events = watch(caller, peer, heartbeat_interval=timedelta(milliseconds=100), on_interruption=causes.append)
        assert sequences(events) == [1, 2, 3]
        assert peer.cancelled.wait(10)
    assert [str(cause) for cause in causes] == ["the server sent nothing for 0.3 s, not even a heartbeat"]


def test_heartbeats_keep_a_quiet_connection(caller: Caller) -> None:
    quiet = threading.Event()

    def steps(_: WatchBatchRequest) -> Iterable[WatchBatchResponse]:
        yield message(snapshot(1))
        for _beat in range(8):
            quiet.wait(0.1)
            yield message(heartbeat(1))
        yield message(finished(2))

    with Peer() as peer:
        peer.streams = [steps]
        assert sequences(watch(caller, peer, heartbeat_interval=timedelta(milliseconds=200))) == [1, 2]
        assert len(peer.requests["WatchBatch"]) == 1


def test_a_watch_stays_with_its_execution_when_it_is_resumed(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(message(snapshot(1)), unavailable()), stream(message(finished(2)))]
        watch(caller, peer)
        tasks = [
            request.task_id for (request,) in peer.requests["WatchBatch"] if isinstance(request, WatchBatchRequest)
        ]
        assert tasks == ["", TASK_ID]


def test_a_watch_from_a_sequence_on_stays_with_the_execution_that_was_current_at_first(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["GetBatch"] = [GetBatchResponse(batch=batch())]
        peer.streams = [stream(message(item_changed(6)), unavailable()), stream(message(finished(7)))]
        assert sequences(watch(caller, peer, after_sequence=5)) == [6, 7]
        tasks = [cast("WatchBatchRequest", request).task_id for (request,) in peer.requests["WatchBatch"]]
        assert tasks == [batch().task_id] * 2 != ["", ""]


def test_asking_for_the_execution_is_part_of_the_time_that_a_watch_may_take(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["GetBatch"] = [unavailable()]
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            watch(caller, peer, after_sequence=5, within=SHORT)
        assert time.monotonic() - began < 10, "the client's own timeout is 30 s"


def test_the_time_before_the_first_event_is_asked_for_counts_for_nothing(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(unavailable()), stream(message(snapshot(1), finished(2)))]
        read = _read_later(peer) if caller is CALLERS[0] else asyncio.run(_read_later_async(peer))
        assert read == [1, 2]


def _read_later(peer: Peer) -> list[int]:
    with ReportsClient(peer.target, timeout=SHORT) as client:
        events = client.watch(BATCH_ID)
        threading.Event().wait(2 * SHORT.total_seconds())
        return [event.sequence for event in events]


async def _read_later_async(peer: Peer) -> list[int]:
    async with AsyncReportsClient(peer.target, timeout=SHORT) as client:
        events = client.watch(BATCH_ID)
        await asyncio.to_thread(threading.Event().wait, 2 * SHORT.total_seconds())
        return [event.sequence async for event in events]


def test_a_client_that_is_closed_says_so_in_its_watches_and_calls(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(message(snapshot(1)), SILENCE)]
        errors = _closed(peer) if caller is CALLERS[0] else asyncio.run(_closed_async(peer))
    assert [(type(error), error.code, error.message) for error in errors] == [
        (ReportsError, grpc.StatusCode.CANCELLED, "the client is closed")
    ] * 3


def _closed(peer: Peer) -> list[ReportsError]:
    client = ReportsClient(peer.target)
    events = client.watch(BATCH_ID)
    next(events)
    client.close()
    found = []
    for call in (lambda: next(events), lambda: next(client.watch(BATCH_ID)), lambda: client.get_batch(BATCH_ID)):
        with pytest.raises(ReportsError) as raised:
            call()
        found.append(raised.value)
    return found


async def _closed_async(peer: Peer) -> list[ReportsError]:
    client = AsyncReportsClient(peer.target)
    events = client.watch(BATCH_ID)
    await anext(events)
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.wait([waiting], timeout=0.1)
    await client.close()
    found = []
    for call in (waiting, anext(client.watch(BATCH_ID)), client.get_batch(BATCH_ID)):
        with pytest.raises(ReportsError) as raised:
            await call
        found.append(raised.value)
    return found


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens there; and a secret must not go there.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with Peer() as peer:
        peer.answers["GetBatch"] = [GetBatchResponse(batch=batch())]
        assert caller(peer, "get_batch", BATCH_ID, token="secret", timeout=SHORT) == batch()


def test_a_server_that_never_answers_is_given_up_after_the_timeout(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(unavailable())]
        with pytest.raises(UnavailableError, match="draining"):
            watch(caller, peer, timeout=SHORT)


def test_a_server_that_goes_away_for_good_is_given_up_after_the_reconnect_timeout(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(message(snapshot(1)), unavailable()), stream(unavailable())]
        with pytest.raises(UnavailableError):
            watch(caller, peer, timeout=SOON, reconnect_timeout=SHORT)


def test_a_server_that_comes_back_is_found_again_within_two_seconds(caller: Caller) -> None:
    failures: list[ReportsError] = []
    waits_have_grown = threading.Event()
    back_at: list[float] = []
    resumed_at: list[float] = []

    def interrupted(error: ReportsError) -> None:
        failures.append(error)
        if len(failures) == 7:
            waits_have_grown.set()

    with Peer() as peer, ThreadPoolExecutor(1) as operator:

        def restart() -> None:
            peer.stop()
            assert waits_have_grown.wait(30)
            back_at.append(time.monotonic())
            peer.start()

        def first(_: WatchBatchRequest) -> Iterator[object]:
            yield message(snapshot(1), item_changed(2))
            restarted.append(operator.submit(restart))
            yield SILENCE

        def second(_: WatchBatchRequest) -> Iterator[object]:
            resumed_at.append(time.monotonic())
            yield message(finished(3))

        restarted: list[Future[None]] = []
        peer.streams = [first, second]
        assert sequences(watch(caller, peer, on_interruption=interrupted)) == [1, 2, 3]
        restarted[0].result(10)
    assert resumed_at[0] - back_at[0] < 2


def test_a_watch_that_is_closed_ends_its_call(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(message(snapshot(1)), SILENCE)]
        if caller is CALLERS[0]:
            with ReportsClient(peer.target) as client, closing(client.watch(BATCH_ID)) as events:
                assert next(events).sequence == 1
        else:
            asyncio.run(_first_event(peer))
        assert peer.watch_ended.wait(10)


async def _first_event(peer: Peer) -> None:
    async with AsyncReportsClient(peer.target) as client, aclosing(client.watch(BATCH_ID)) as events:
        assert (await anext(events)).sequence == 1


def test_a_reader_that_takes_its_time_keeps_its_connection(caller: Caller) -> None:
    with Peer() as peer:
        peer.streams = [stream(message(snapshot(1)), message(item_changed(2)), message(finished(3)))]
        read = _read_slowly(peer) if caller is CALLERS[0] else asyncio.run(_read_slowly_async(peer))
        assert read == [1, 2, 3]
        assert len(peer.requests["WatchBatch"]) == 1


def _read_slowly(peer: Peer) -> list[int]:
    """Read with pauses that are longer than the silence which ends a connection."""
    never = threading.Event()
    with ReportsClient(peer.target) as client:
        return [
            event.sequence
            for event in client.watch(BATCH_ID, heartbeat_interval=timedelta(milliseconds=50))
            if not never.wait(0.4)
        ]


async def _read_slowly_async(peer: Peer) -> list[int]:
    read = []
    async with AsyncReportsClient(peer.target) as client:
        async for event in client.watch(BATCH_ID, heartbeat_interval=timedelta(milliseconds=50)):
            read.append(event.sequence)
            await asyncio.to_thread(threading.Event().wait, 0.4)
    return read
