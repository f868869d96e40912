"""Watches of many batches over gRPC: what matches, as it is committed, and exactly on from any token."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import psycopg2
import pytest

from fna.reports.v1 import batch_pb2 as pb
from reports_core.domain.retry import Failure
from reports_core.storage import batches, events
from reports_core.storage.batches import NewBatch
from reports_core.storage.events import Progress
from reports_core.storage.outcomes import Outcome
from reports_core.storage.records import Batch
from reports_core.storage.transactions import transaction
from reports_server.resume_token import ResumeToken
from tests.support.server import Client, Refusal, refusal, running
from tests.support.storage import REFUSED, SUCCESS, Store
from tests.support.streams import by_batch, stored, watching_batches
from tests.support.waiting import eventually_async


def notify(store: Store, *found: Batch) -> None:
    store.do(events.notify, [batch.batch_id for batch in found])


def all_of(batch: Batch, last: int) -> tuple[str, list[int]]:
    return str(batch.batch_id), list(range(1, last + 1))


async def refused(client: Client, token: str, **fields: object) -> Refusal:
    async with watching_batches(client, token=token, **fields) as watch:
        return await refusal(watch.message())


async def test_a_watch_begins_with_the_open_batches_and_goes_on_with_new_ones(client: Client, store: Store) -> None:
    over, open_ = store.submit(1), store.submit(2)
    store.run(over)
    store.run(open_, 0)
    async with watching_batches(client) as watch:
        (snapshot,) = await watch.message()
        assert (snapshot.batch_id, snapshot.sequence) == (str(open_.batch_id), 3)
        assert (snapshot.snapshot.successful, snapshot.snapshot.last_sequence) == (1, 3)
        new = store.submit(1)
        store.run(open_, 1)
        store.run(new)
        notify(store, new, open_)
        told = by_batch(await watch.until((str(open_.batch_id), 6), (str(new.batch_id), 4)))
    assert told == dict([(str(open_.batch_id), [4, 5, 6]), all_of(new, 4)])


async def test_a_beginning_that_is_cut_off_goes_on_with_the_batches_that_were_not_told(
    client: Client, store: Store
) -> None:
    opened = [store.submit(1) for _ in range(250)]
    by_id = sorted(opened, key=lambda batch: batch.batch_id)
    told, untold = by_id[0], by_id[-1]
    events: list[pb.BatchEvent] = []
    token = ""
    for _ in range(3):
        # Cut after each message.
        async with watching_batches(client, token=token) as watch:
            events += await watch.message()
            token = watch.token
        if len(events) == 100:
            store.run(told)
            store.run(untold)
    assert {event.WhichOneof("event") for event in events} == {"snapshot"}
    names = [str(batch.batch_id) for batch in by_id]
    # One was over before its turn came: it is no longer open, and what happened to it follows.
    assert [event.batch_id for event in events] == names[:-1]
    async with watching_batches(client, token=token) as watch:
        ends = (names[0], 4), (names[-1], 4)
        assert by_batch(await watch.until(*ends)) == {name: [2, 3, 4] for name, _ in ends}


async def test_a_watch_of_nothing_has_a_token_from_the_first_message_on(client: Client, store: Store) -> None:
    async with watching_batches(client) as watch:
        (heartbeat,) = await watch.message()
        assert (heartbeat.WhichOneof("event"), heartbeat.batch_id, heartbeat.sequence) == ("heartbeat", "", 0)
        token = watch.token
        (again,) = await watch.message()
        assert again.HasField("heartbeat")
    batch = store.submit(1)
    store.run(batch)
    async with watching_batches(client, token=token) as watch:
        assert by_batch(await watch.until((str(batch.batch_id), 4))) == dict([all_of(batch, 4)])


async def test_a_watch_resumed_at_any_message_gets_exactly_what_follows(client: Client, store: Store) -> None:
    first, second = store.submit(3), store.submit(2)
    places: list[tuple[str, int]] = []
    async with watching_batches(client) as watch:
        await watch.message()
        for batch, position in ((first, 0), (second, 1), (first, 2), (second, 0), (first, 1)):
            places.append((watch.token, len([event for event in watch.events if stored(event)])))
            store.run(batch, position)
            notify(store, batch)
            await watch.until((str(batch.batch_id), store.batch(batch).last_sequence))
        whole = [event for event in watch.events if stored(event)]
    assert by_batch(whole) == {str(first.batch_id): list(range(2, 9)), str(second.batch_id): list(range(2, 7))}
    for token, told in places:
        expected = by_batch(whole[told:])
        async with watching_batches(client, token=token) as watch:
            ends = [(name, sequences[-1]) for name, sequences in expected.items()]
            assert by_batch(await watch.until(*ends)) == expected


async def test_only_what_matches_is_told(client: Client, store: Store) -> None:
    red, blue = store.submit(1, labels={"team": "red", "quarter": "1"}), store.submit(1, labels={"team": "blue"})
    other = store.do(
        batches.submit,
        NewBatch(owner="other", report_ids=store.reports(1, "other"), labels={"team": "red"}),
        store.queue,
    )
    async with (
        watching_batches(client, labels={"team": "red"}) as labelled,
        watching_batches(client, batch_ids=[str(blue.batch_id)]) as named,
        watching_batches(client) as everything,
        watching_batches(client, exclude_item_events=True) as statuses_only,
    ):
        assert by_batch(await labelled.message()) == {str(red.batch_id): [1]}
        assert by_batch(await named.message()) == {str(blue.batch_id): [1]}
        assert set(by_batch(await everything.message())) == {str(red.batch_id), str(blue.batch_id)}
        await statuses_only.message()
        store.do(batches.cancel, "other", other.batch_id)
        store.run(red)
        store.run(blue)
        notify(store, other, red, blue)
        assert by_batch(await labelled.until((str(red.batch_id), 4))) == {str(red.batch_id): [2, 3, 4]}
        assert by_batch(await named.until((str(blue.batch_id), 4))) == {str(blue.batch_id): [2, 3, 4]}
        ends = (str(red.batch_id), 4), (str(blue.batch_id), 4)
        assert by_batch(await everything.until(*ends)) == {name: [2, 3, 4] for name, _ in ends}
        assert by_batch(await statuses_only.until(*ends)) == {name: [4] for name, _ in ends}


async def test_a_batch_belongs_to_the_statuses_it_had_before_and_after(client: Client, store: Store) -> None:
    good, bad = store.submit(1), store.submit(1)
    async with (
        watching_batches(client, statuses=[pb.BATCH_STATUS_FAILED]) as failures,
        watching_batches(client, statuses=[pb.BATCH_STATUS_PROCESSING]) as working,
    ):
        assert (await failures.message())[0].HasField("heartbeat")
        await working.message()
        store.run(good)
        store.run(bad, 0, REFUSED)
        notify(store, good, bad)
        assert by_batch(await failures.until((str(bad.batch_id), 4))) == {str(bad.batch_id): [4]}
        told = await working.until((str(good.batch_id), 4), (str(bad.batch_id), 4))
        assert by_batch(told) == {str(good.batch_id): [2, 3, 4], str(bad.batch_id): [2, 3, 4]}
        token = failures.token
    worse = store.submit(1)
    store.run(worse, 0, REFUSED)
    async with watching_batches(client, token=token, statuses=[pb.BATCH_STATUS_FAILED]) as failures:
        assert by_batch(await failures.until((str(worse.batch_id), 4))) == {str(worse.batch_id): [4]}


@contextmanager
def foreign_writer(url: str) -> Iterator[None]:
    """Hold a transaction open that has written."""
    with closing(psycopg2.connect(url)) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        yield
        conn.rollback()


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in this database", "in another database"])
async def test_a_foreign_writer_that_stays_open_delays_nothing(
    client: Client, store: Store, database_url: str, *, elsewhere: bool
) -> None:
    url = urlsplit(database_url)._replace(path="/postgres").geturl() if elsewhere else database_url
    batch = store.submit(20)
    name = str(batch.batch_id)
    with foreign_writer(url):
        async with watching_batches(client, heartbeat_seconds=60) as watch:
            await watch.message()
            for position in range(10):
                started = asyncio.get_running_loop().time()
                store.run(batch, position)
                notify(store, batch)
                await watch.until((name, 3 + 2 * position))
                assert asyncio.get_running_loop().time() - started < 1
            token = watch.token
        # Not even the resume point waits: the token says who was open.
        async with watching_batches(client, token=token) as watch:
            store.run(batch, 10)
            notify(store, batch)
            assert by_batch(await watch.until((name, 23))) == {name: [22, 23]}
            token = watch.token
    store.run(batch, 11)
    async with watching_batches(client, token=token) as watch:
        assert by_batch(await watch.until((name, 25))) == {name: [24, 25]}


async def test_what_commits_late_is_not_passed_over(client: Client, store: Store) -> None:
    late, early = store.submit(1), store.submit(2)
    async with watching_batches(client) as watch:
        await watch.message()
        tokens = [watch.token]
        with transaction(store.engine) as conn:
            # Has its number now, and writes its events before all that follow here.
            batches.cancel(conn, "default", late.batch_id)
            for position in range(2):
                store.run(early, position)
                notify(store, early)
                await watch.until((str(early.batch_id), 3 + 2 * position))
                tokens.append(watch.token)
        notify(store, late)
        await watch.until((str(late.batch_id), 3))
    for token in tokens:
        async with watching_batches(client, token=token) as watch:
            told = by_batch(await watch.until((str(late.batch_id), 3)))
            assert told[str(late.batch_id)] == [2, 3]
            early_told = told.get(str(early.batch_id), [])
            assert early_told == {0: [2, 3, 4, 5, 6], 1: [4, 5, 6], 2: []}[tokens.index(token)][: len(early_told)]


async def test_what_committed_late_long_before_anybody_resumes_is_told(client: Client, store: Store) -> None:
    late, early = store.submit(1), store.submit(30)
    async with watching_batches(client) as watch:
        await watch.message()
        with transaction(store.engine) as conn:
            batches.cancel(conn, "default", late.batch_id)
            store.run_all(early, *[SUCCESS] * 10)
            notify(store, early)
            await watch.until((str(early.batch_id), 21))
            token = watch.token
    store.run(early, 10)
    async with watching_batches(client, token=token) as watch:
        told = by_batch(await watch.until((str(late.batch_id), 3), (str(early.batch_id), 23)))
    assert told == {str(late.batch_id): [2, 3], str(early.batch_id): [22, 23]}


async def test_a_long_past_is_told_whole_and_can_be_cut_anywhere(client: Client, store: Store) -> None:
    async with watching_batches(client) as watch:
        await watch.message()
        token = watch.token
    found = [store.submit(200) for _ in range(3)]
    for batch in found:
        store.run_all(batch, *[REFUSED] * 200)
    ends = [(str(batch.batch_id), 402) for batch in found]
    told: list[pb.BatchEvent] = []
    missing = set(ends)
    while missing:
        # Cut after each message.
        async with watching_batches(client, token=token) as watch:
            news = await watch.message()
            token = watch.token
        told += [event for event in news if stored(event)]
        missing -= {(event.batch_id, event.sequence) for event in news}
    assert by_batch(told) == {name: list(range(1, 403)) for name, _ in ends}


async def test_events_of_any_size_come_in_messages_that_clients_take(client: Client, store: Store) -> None:
    batch = store.submit(250)
    name, last = str(batch.batch_id), 501
    async with watching_batches(client) as watch, aclosing(client.events(name)) as one:  # type: ignore[type-var]  # an async generator, as its caller need not know
        await watch.message()
        await anext(one)
        token = watch.token
        # More than the 4 MiB that a client takes in one message, and committed before anybody is told.
        store.run_all(batch, *[Outcome(failure=Failure("CORRUPT", "x" * 30_000))] * 249)
        notify(store, batch)
        assert by_batch(await watch.until((name, last - 2))) == {name: list(range(2, last - 1))}
        assert [(await anext(one)).sequence for _ in range(2, last - 1)] == list(range(2, last - 1))
        store.run(batch, 249)
        assert [event.sequence async for event in one] == [last - 1, last, last + 1]
    async with watching_batches(client, token=token) as watch:
        assert by_batch(await watch.until((name, last + 1))) == {name: list(range(2, last + 2))}
    assert len(await client.watch(name, after_sequence=0)) == last + 1


async def test_a_token_of_another_database_has_expired(client: Client, store: Store, database_url: str) -> None:
    async with watching_batches(client) as watch:
        await watch.message()
        token = ResumeToken.decode(watch.token)
    for other in (
        ResumeToken(token.identity + "0", token.selection, token.since),
        ResumeToken(token.identity, token.selection, type(token.since)(token.since.xmax + 1000)),
    ):
        answer = await refused(client, other.encode())
        assert (answer.code, answer.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")


async def test_a_token_of_before_a_restore_has_expired(
    database_url: str, empty_database_url: str, tmp_path: Path, store: Store
) -> None:
    store.submit(1)
    async with running(database_url, tmp_path) as client, watching_batches(client) as watch:
        await watch.message()
    store.engine.dispose()
    original, copy = (urlsplit(url).path.strip("/") for url in (database_url, empty_database_url))
    with closing(psycopg2.connect(urlsplit(database_url)._replace(path="/postgres").geturl())) as conn:
        conn.autocommit = True
        with conn.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{copy}"')
            cursor.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{original}"')
    async with running(empty_database_url, tmp_path) as client:
        answer = await refused(client, watch.token)
    assert (answer.code, answer.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")


async def test_a_token_of_before_an_older_copy_took_its_place_has_expired(client: Client, store: Store) -> None:
    batch = store.submit(2)
    async with watching_batches(client) as watch:
        await watch.message()
        store.run(batch, 0)
        notify(store, batch)
        await watch.until((str(batch.batch_id), 3))
    # The copy does not know the end of the item, and has had more transactions since than were before.
    store.rows("DELETE FROM batch_events WHERE sequence = 3")
    store.rows("UPDATE batches SET last_sequence = 2, successful = 0, running = 1")
    store.submit(1)
    answer = await refused(client, watch.token)
    assert (answer.code, answer.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")


async def test_a_token_is_good_at_a_server_that_looked_earlier(database_url: str, tmp_path: Path, store: Store) -> None:
    batch = store.submit(2)
    async with (
        running(database_url, tmp_path) as one,
        running(database_url, tmp_path) as other,
        watching_batches(other) as before,
    ):
        await before.message()
        for _ in range(5):
            store.rows("SELECT pg_current_xact_id()")
        async with watching_batches(one) as watch:
            await watch.message()
        store.run(batch)
        async with watching_batches(other, token=watch.token) as again:
            assert by_batch(await again.until((str(batch.batch_id), 3))) == {str(batch.batch_id): [2, 3]}


@pytest.mark.parametrize("token", ["x", "e30=", "bm90IGpzb24=", "eyJpIjoxfQ==", "é"])
async def test_a_malformed_token_is_named(client: Client, token: str) -> None:
    answer = await refused(client, token)
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID")
    assert answer.fields == ["resume_token"]


async def test_a_token_is_good_for_its_own_filter_only(client: Client) -> None:
    async with watching_batches(client, labels={"team": "red"}) as watch:
        await watch.message()
    answer = await refused(client, watch.token, labels={"team": "blue"})
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID")


PASSED = """
SELECT pg_snapshot_xmin(pg_current_snapshot()) > (SELECT xact FROM batch_events ORDER BY xact DESC LIMIT 1)
"""
RAISE_HORIZON = """
UPDATE event_horizon SET compacted_xact =
    (SELECT xact FROM batch_events WHERE batch_id = :batch_id ORDER BY xact DESC LIMIT 1)
"""


async def test_a_token_of_before_a_compaction_has_expired(client: Client, store: Store) -> None:
    batch = store.submit(1)
    async with watching_batches(client) as watch:
        await watch.message()
        before = watch.token
        store.run(batch)
        notify(store, batch)
        await watch.until((str(batch.batch_id), 4))
        # Others' transactions in progress, of any database, keep a snapshot from having passed what is over.
        await eventually_async(lambda: asyncio.to_thread(store.value, PASSED), 60, "the end of all older transactions")
        # What waited meanwhile has an older token; an event that did not exist before has a newer one.
        other = store.submit(1)
        notify(store, other)
        await watch.until((str(other.batch_id), 1))
        after = watch.token
    # As the compaction does it.
    known = {"batch_id": batch.batch_id}
    store.rows("UPDATE batches SET oldest_sequence = last_sequence + 1 WHERE batch_id = :batch_id", **known)
    store.rows(RAISE_HORIZON, **known)
    store.rows("DELETE FROM batch_events WHERE batch_id = :batch_id", **known)
    answer = await refused(client, before)
    assert (answer.code, answer.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
    new = store.submit(1)
    async with watching_batches(client, token=after) as watch:
        assert by_batch(await watch.until((str(new.batch_id), 1))) == {str(new.batch_id): [1]}


async def test_progress_is_passed_on_to_watches_of_many(client: Client, store: Store) -> None:
    batch = store.submit(1)
    async with watching_batches(client) as watch, watching_batches(client, labels={"no": "such"}) as nothing:
        await watch.message()
        await nothing.message()
        attempt = store.start(batch)
        notify(store, batch)
        await watch.until((str(batch.batch_id), 2))
        store.do(
            events.notify_progress,
            Progress(str(batch.batch_id), str(attempt.report_id), 0, 1, "SENTIMENT_ANALYSIS", 0.5),
        )
        (told,) = await watch.message()
        assert (told.WhichOneof("event"), told.sequence) == ("progress", 2)
        assert (told.progress.step, told.progress.fraction) == ("SENTIMENT_ANALYSIS", 0.5)
        assert (await nothing.message())[0].HasField("heartbeat")


async def test_a_watch_goes_on_when_nothing_is_notified(client: Client, store: Store) -> None:
    batch = store.submit(1)
    async with watching_batches(client) as watch:
        await watch.message()
        store.run(batch)
        assert by_batch(await watch.until((str(batch.batch_id), 4))) == {str(batch.batch_id): [2, 3, 4]}


async def test_a_server_that_stops_asks_to_call_again(database_url: str, tmp_path: Path, store: Store) -> None:
    batch = store.submit(1)
    async with running(database_url, tmp_path) as client, watching_batches(client) as watch:
        await watch.message()
    store.run(batch)
    async with running(database_url, tmp_path) as client, watching_batches(client, token=watch.token) as watch:
        assert by_batch(await watch.until((str(batch.batch_id), 4))) == {str(batch.batch_id): [2, 3, 4]}


@pytest.mark.parametrize("watchers", [20])
async def test_all_watchers_see_each_event_of_busy_batches_once(client: Client, store: Store, watchers: int) -> None:
    found = [store.submit(10) for _ in range(4)]

    async def work(batch: Batch) -> None:
        for position in range(10):
            await asyncio.to_thread(store.run, batch, position)
            await asyncio.to_thread(notify, store, batch)

    async def watch_all() -> dict[str, list[int]]:
        async with watching_batches(client) as watch:
            first = {event.batch_id: event.sequence for event in await watch.message()}
            ends = [(str(batch.batch_id), 22) for batch in found if first.get(str(batch.batch_id), 22) < 22]
            told = by_batch(await watch.until(*ends))
            assert all(sequences == list(range(first[name] + 1, 23)) for name, sequences in told.items())
            return told

    async with asyncio.TaskGroup() as group:
        watches = [group.create_task(watch_all()) for _ in range(watchers)]
        for batch in found:
            group.create_task(work(batch))
    assert any(watch.result() for watch in watches)
