"""Watches over gRPC: every event once and in order, from any position, until the execution is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo

from fna.reports.v1 import batch_pb2 as pb
from reports_core.storage import events
from reports_core.storage.events import Progress
from reports_core.storage.records import Batch
from reports_server.server import Service, serving
from tests.support.server import Client, connect, refusal, running, server_settings
from tests.support.storage import REFUSED, SUCCESS, Store
from tests.support.waiting import eventually_async

Events = AsyncIterator[pb.BatchEvent]


@asynccontextmanager
async def watching(client: Client, batch: Batch, **fields: object) -> AsyncIterator[Events]:
    """Give the events of a watch, and cancel it afterwards."""
    async with aclosing(client.events(batch.batch_id, **fields)) as stream:  # type: ignore[type-var] # an async generator, as its caller need not know
        yield stream


async def take(stream: Events, count: int) -> list[pb.BatchEvent]:
    return [await anext(stream) for _ in range(count)]


async def rest(stream: Events) -> list[pb.BatchEvent]:
    return [event async for event in stream]


def sequences(found: Sequence[pb.BatchEvent]) -> list[int]:
    return [event.sequence for event in found]


def kinds(found: Sequence[pb.BatchEvent]) -> list[str | None]:
    return [event.WhichOneof("event") for event in found]


def notify(store: Store, batch: Batch) -> None:
    store.do(events.notify, [batch.batch_id])


async def test_a_watch_starts_with_the_present_and_ends_with_the_batch(client: Client, store: Store) -> None:
    batch = store.submit(2)
    store.run(batch, 0)
    async with watching(client, batch) as stream:
        first = await anext(stream)
        assert (first.WhichOneof("event"), first.sequence) == ("snapshot", 3)
        assert (first.snapshot.successful, first.snapshot.last_sequence) == (1, 3)
        assert not first.snapshot.results
        store.run(batch, 1)
        notify(store, batch)
        told = await rest(stream)
    assert sequences(told) == [4, 5, 6]
    assert kinds(told) == ["item_changed", "item_changed", "status_changed"]
    assert told[-1].status_changed.final
    assert told[-1].status_changed.batch.status == pb.BATCH_STATUS_COMPLETED


async def test_a_replay_from_zero_tells_the_whole_life(client: Client, store: Store) -> None:
    batch = store.submit(2)
    after = store.run_all(batch, SUCCESS, REFUSED)
    told = await client.watch(batch.batch_id, after_sequence=0)
    assert sequences(told) == list(range(1, after.last_sequence + 1))
    assert told[0].status_changed.previous_status == pb.BATCH_STATUS_UNSPECIFIED
    assert told[0].status_changed.batch.status == pb.BATCH_STATUS_PROCESSING
    failed = next(event.item_changed for event in told if event.item_changed.item.HasField("error"))
    assert failed.previous_status == pb.BATCH_ITEM_STATUS_PROCESSING
    assert (failed.item.status, failed.item.position) == (pb.BATCH_ITEM_STATUS_FAILED, 1)
    assert (failed.counters.successful, failed.counters.failed) == (1, 1)
    final = told[-1].status_changed.batch
    assert (final.status, final.etag, final.last_sequence) == (
        pb.BATCH_STATUS_PARTIALLY_COMPLETED,
        after.etag,
        after.last_sequence,
    )


async def test_a_watch_resumed_at_any_sequence_gets_exactly_what_follows(client: Client, store: Store) -> None:
    batch = store.submit(3)
    last = store.run_all(batch, SUCCESS, REFUSED, SUCCESS).last_sequence
    whole = await client.watch(batch.batch_id, after_sequence=0)
    for after in range(last + 1):
        assert await client.watch(batch.batch_id, after_sequence=after) == whole[after:]


async def test_a_history_longer_than_one_read_arrives_whole(client: Client, store: Store) -> None:
    batch = store.submit(300)
    store.run_all(batch, *[REFUSED] * 300)
    told = await client.watch(batch.batch_id, after_sequence=0)
    assert sequences(told) == list(range(1, 603))


async def test_a_watch_of_a_batch_that_is_over_is_one_snapshot(client: Client, store: Store) -> None:
    batch = store.submit(1)
    store.run(batch)
    (only,) = await client.watch(batch.batch_id)
    assert only.snapshot.status == pb.BATCH_STATUS_COMPLETED


async def test_a_sequence_that_the_batch_does_not_have_is_out_of_range(client: Client, store: Store) -> None:
    batch = store.submit(1)
    refused = await refusal(client.watch(batch.batch_id, after_sequence=2))
    assert (refused.code, refused.reason) == (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_AHEAD")
    assert refused.info.metadata["last_sequence"] == "1"


async def test_events_that_are_no_longer_kept_are_not_passed_over(client: Client, store: Store) -> None:
    batch = store.submit(1)
    store.run(batch)
    store.rows("DELETE FROM batch_events WHERE sequence <= 2")
    refused = await refusal(client.watch(batch.batch_id, after_sequence=1))
    assert (refused.code, refused.reason) == (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_COMPACTED")
    assert refused.info.metadata["oldest_sequence"] == "3"
    assert sequences(await client.watch(batch.batch_id, after_sequence=2)) == [3, 4]


async def test_a_watch_of_an_old_execution_ends_where_it_did(client: Client, store: Store) -> None:
    batch = store.submit(1)
    first_end = store.run(batch, 0, REFUSED).batch.last_sequence
    again = store.retry(batch)
    old = {"task_id": str(batch.task_id)}
    assert sequences(await client.watch(batch.batch_id, after_sequence=0, **old)) == list(range(1, first_end + 1))
    assert await client.watch(batch.batch_id, after_sequence=first_end, **old) == []
    assert await client.watch(batch.batch_id, after_sequence=first_end + 1, **old) == []
    (snapshot,) = await client.watch(batch.batch_id, **old)
    assert (snapshot.sequence, snapshot.snapshot.status) == (first_end, pb.BATCH_STATUS_FAILED)

    last = store.run(again).batch.last_sequence
    told = await client.watch(batch.batch_id, after_sequence=0)
    assert sequences(told) == list(range(1, last + 1)), "the end of the first execution does not end the second"
    changes = [event for event in told if event.HasField("status_changed")]
    assert [event.status_changed.batch.last_sequence for event in changes] == sequences(changes)
    refused = await refusal(client.watch(batch.batch_id, task_id=str(batch.batch_id)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")


async def test_many_items_that_change_at_once_are_one_event(client: Client, store: Store) -> None:
    batch = store.submit(3)
    store.run(batch, 1)
    store.cancel(batch)
    told = await client.watch(batch.batch_id, after_sequence=3)
    assert kinds(told) == ["items_changed", "status_changed"]
    changed = told[0].items_changed
    assert (changed.status, list(changed.positions)) == (pb.BATCH_ITEM_STATUS_CANCELLED, [0, 2])
    assert (changed.counters.successful, changed.counters.cancelled) == (1, 2)


async def test_item_events_are_left_out_on_request(client: Client, store: Store) -> None:
    batch = store.submit(2)
    last = store.run_all(batch, SUCCESS, REFUSED).last_sequence
    told = await client.watch(batch.batch_id, after_sequence=0, exclude_item_events=True)
    assert (kinds(told), sequences(told)) == (["status_changed"] * 2, [1, last])


async def test_a_quiet_stream_has_heartbeats_with_its_position(client: Client, store: Store) -> None:
    batch = store.submit(1)
    store.start(batch)
    async with watching(client, batch, after_sequence=1, heartbeat_interval=Duration(seconds=1)) as stream:
        told = await take(stream, 3)
    assert kinds(told) == ["item_changed", "heartbeat", "heartbeat"]
    assert sequences(told) == [2, 2, 2]
    assert told[2].occurred_at.ToMilliseconds() - told[1].occurred_at.ToMilliseconds() >= 900


async def test_progress_is_passed_on_without_a_sequence_of_its_own(client: Client, store: Store) -> None:
    batch = store.submit(1)
    attempt = store.start(batch)
    progress = Progress(str(batch.batch_id), str(attempt.report_id), 0, 1, "SCORING", 0.5)
    async with watching(client, batch) as stream, watching(client, batch, exclude_item_events=True) as quiet:
        await anext(stream)
        await anext(quiet)
        store.do(events.notify_progress, progress)
        (told,) = await take(stream, 1)
        assert (told.WhichOneof("event"), told.sequence) == ("progress", 2)
        assert (told.progress.step, told.progress.fraction) == ("SCORING", 0.5)
        assert (told.progress.report_id, told.progress.attempt_count) == (str(attempt.report_id), 1)
        store.finish(attempt, SUCCESS)
        notify(store, batch)
        assert kinds(await rest(quiet)) == ["status_changed"]


async def test_a_cancellation_over_this_server_reaches_its_watchers(client: Client, store: Store) -> None:
    batch = store.submit(1)
    async with watching(client, batch) as stream:
        await anext(stream)
        store.cancel(batch)
        notify(store, batch)
        assert kinds(await rest(stream)) == ["items_changed", "status_changed"]


async def test_watchers_are_woken_by_a_notification_long_before_the_poll(
    database_url: str, tmp_path: Path, store: Store
) -> None:
    batch = store.submit(20)
    waits = []
    async with running(database_url, tmp_path) as client, watching(client, batch) as stream:
        await anext(stream)
        for position in range(20):
            started = asyncio.get_running_loop().time()
            store.start(batch, position)
            notify(store, batch)
            await anext(stream)
            waits.append(asyncio.get_running_loop().time() - started)
    # A poll every 2 s would make the middle one of them about 1 s.
    assert sorted(waits)[10] < 0.5


async def test_a_watch_goes_on_by_polling_when_nothing_is_notified(client: Client, store: Store) -> None:
    batch = store.submit(1)
    async with watching(client, batch) as stream:
        await anext(stream)
        store.run(batch)
        assert sequences(await rest(stream)) == [2, 3, 4]


async def test_a_watch_survives_the_loss_of_the_listening_connection(client: Client, store: Store) -> None:
    batch = store.submit(2)
    listening = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'fna-reports-feed' AND datname = current_database()"
    )
    async with watching(client, batch) as stream:
        await anext(stream)
        ((before,),) = store.rows(listening)
        store.rows("SELECT pg_terminate_backend(:pid)", pid=before)
        store.run(batch, 0)
        assert sequences(await take(stream, 2)) == [2, 3]

        async def listens_again() -> bool:
            return {pid for (pid,) in store.rows(listening)} - {before} != set()

        await eventually_async(listens_again, 10, "a new listening connection")
        store.run(batch, 1)
        notify(store, batch)
        assert sequences(await rest(stream)) == [4, 5, 6]


async def test_a_server_that_stops_ends_its_watches_and_asks_to_call_again(
    database_url: str, tmp_path: Path, store: Store
) -> None:
    batch = store.submit(1)
    async with AsyncExitStack() as clients:
        async with serving(server_settings(database_url, tmp_path), [Service.STATUS]) as address:
            client = await clients.enter_async_context(connect(address))
            stream = client.events(batch.batch_id)
            await anext(stream)
            started = asyncio.get_running_loop().time()
        # Not the grace of 10 s that other calls may take.
        assert asyncio.get_running_loop().time() - started < 5
        refused = await refusal(rest(stream))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_DRAINING")
    (retry,) = refused.details(RetryInfo)
    assert retry.retry_delay.seconds > 0


async def test_a_watch_goes_on_over_a_restart_of_the_server_without_gap_or_repeat(
    database_url: str, tmp_path: Path, store: Store
) -> None:
    batch = store.submit(2)
    async with running(database_url, tmp_path) as client, watching(client, batch, after_sequence=0) as stream:
        store.run(batch, 0)
        notify(store, batch)
        told = await take(stream, 2)
    store.run(batch, 1)
    async with running(database_url, tmp_path) as client:
        told += await client.watch(batch.batch_id, after_sequence=told[-1].sequence)
    assert sequences(told) == list(range(1, store.batch(batch).last_sequence + 1))


async def test_one_watcher_too_many_is_sent_away_until_another_one_leaves(
    database_url: str, tmp_path: Path, store: Store
) -> None:
    batch = store.submit(1)
    async with running(database_url, tmp_path, max_watchers=2) as client, watching(client, batch) as first:
        await anext(first)
        async with watching(client, batch) as second:
            await anext(second)
            refused = await refusal(client.watch(batch.batch_id))
            assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS")
            assert refused.details(RetryInfo)

        async def has_room() -> bool:
            async with watching(client, batch) as third:
                try:
                    return (await anext(third)).HasField("snapshot")
                except grpc.aio.AioRpcError:
                    return False

        await eventually_async(has_room, 10, "room for another watcher")


async def test_one_owner_may_not_take_the_room_of_all_others(database_url: str, tmp_path: Path, store: Store) -> None:
    batch = store.submit(1)
    async with (
        running(database_url, tmp_path, max_watchers_per_owner=1) as client,
        watching(client, batch) as first,
    ):
        await anext(first)
        refused = await refusal(client.watch(batch.batch_id))
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS")
        assert "of yours" in refused.message


async def test_a_database_that_goes_back_in_time_ends_the_watches(client: Client, store: Store) -> None:
    batch = store.submit(2)
    store.run(batch, 0)
    async with watching(client, batch) as stream:
        assert (await anext(stream)).sequence == 3
        # As when a copy of an hour ago is put in its place.
        store.rows("DELETE FROM batch_events WHERE sequence > 2")
        store.rows("UPDATE batches SET last_sequence = 2, successful = 0, running = 1")
        refused = await refusal(rest(stream))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
    refused = await refusal(client.watch(batch.batch_id, after_sequence=3))
    assert (refused.code, refused.reason) == (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_AHEAD")


async def test_watchers_far_behind_read_the_same_past_once(client: Client, store: Store) -> None:
    batch = store.submit(300)
    store.run_all(batch, *[REFUSED] * 300)
    told = await asyncio.gather(*[client.watch(batch.batch_id, after_sequence=after) for after in range(0, 600, 20)])
    assert [sequences(events) for events in told] == [list(range(after + 1, 603)) for after in range(0, 600, 20)]


async def test_a_crowd_that_comes_back_at_once_is_let_in(client: Client, store: Store) -> None:
    batch = store.submit(1)
    store.run(batch)
    told = await asyncio.gather(*[client.watch(batch.batch_id) for _ in range(3_000)])
    assert {len(events) for events in told} == {1}


@pytest.mark.parametrize("watchers", [30])
async def test_all_watchers_of_a_busy_batch_see_the_same(client: Client, store: Store, watchers: int) -> None:
    batch = store.submit(20)

    async def work() -> None:
        for position in range(20):
            await asyncio.to_thread(store.run, batch, position)
            await asyncio.to_thread(notify, store, batch)

    async with asyncio.TaskGroup() as group:
        told = [group.create_task(client.watch(batch.batch_id, after_sequence=0)) for _ in range(watchers)]
        group.create_task(work())
    expected = list(range(1, store.batch(batch).last_sequence + 1))
    for task in told:
        assert [event.sequence for event in task.result() if not event.HasField("progress")] == expected
