"""Compaction: the history of a batch goes as a whole when its time is over; everything else of the batch stays."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from reports_core.storage import batches, compaction
from reports_core.storage.batches import Retry
from reports_core.storage.records import Batch
from reports_core.storage.sweep import Swept
from reports_core.storage.transactions import transaction
from tests.support.storage import EVENT_RETENTION, OWNER, REFUSED, SUCCESS, Store
from tests.support.waiting import eventually

COMPACTED = Swept(histories_compacted=1)
NOTHING = Swept()


@pytest.fixture
def old(store: Store) -> Batch:
    """Give a batch of two reports, one of which failed, that was over long ago: its history has 6 events."""
    batch = store.run_all(store.submit(2), SUCCESS, REFUSED)
    assert batch.last_sequence == 6
    store.pass_time(batch, "8 days")
    return store.batch(batch)


def due(store: Store) -> list[object]:
    return [*store.do(compaction.due, EVENT_RETENTION, limit=10)]


def withdraw(store: Store, batch: Batch) -> bool:
    return store.do(compaction.withdraw, batch.batch_id, EVENT_RETENTION)


def delete(store: Store, batch: Batch, limit: int = 1000) -> int:
    return store.do(compaction.delete, batch.batch_id, limit)


def conclude(store: Store, batch: Batch) -> bool:
    return store.do(compaction.conclude, batch.batch_id)


def sequences(store: Store, batch: Batch, after: int = 0) -> list[int]:
    return [event.sequence for event in store.events(batch, after=after)]


def horizon(store: Store) -> int:
    return int(store.value("SELECT CAST(CAST(compacted_xact AS text) AS bigint) FROM event_horizon"))


def newest_xact(store: Store, batch: Batch) -> int:
    return max(event.xact for event in store.events(batch))


def test_a_history_goes_as_a_whole_and_nothing_else_of_the_batch(store: Store, old: Batch) -> None:
    items, tables = store.items(old), ("batch_executions", "report_analyses", "celery_taskmeta")
    rows = {table: store.count(table) for table in tables}
    assert store.sweep() == COMPACTED
    after = store.batch(old)
    assert sequences(store, old) == []
    assert (after.oldest_sequence, after.last_sequence, after.etag) == (7, 6, old.etag)
    assert (after.counters, after.status, after.updated_at) == (old.counters, old.status, old.updated_at)
    assert store.items(old) == items
    assert {table: store.count(table) for table in tables} == rows


def test_a_compacted_batch_is_not_looked_at_again(store: Store, old: Batch) -> None:
    assert due(store) == [old.batch_id]
    store.sweep()
    assert due(store) == []
    assert store.sweep() == NOTHING


def test_what_is_young_or_open_is_kept(store: Store) -> None:
    young, open_batch = store.run_all(store.submit(1), SUCCESS), store.submit(1)
    store.pass_time(young, "6 days")
    store.rows("UPDATE batches SET created_at = created_at - interval '30 days'")
    assert store.sweep() == NOTHING
    assert sequences(store, young) == [1, 2, 3, 4]
    assert sequences(store, open_batch) == [1]
    assert {store.batch(batch).oldest_sequence for batch in (young, open_batch)} == {1}


def test_a_reopened_batch_is_kept_until_its_new_end_is_old_too(store: Store, old: Batch) -> None:
    reopened = store.retry(old)
    assert store.sweep() == NOTHING
    final = store.run(reopened, 1).batch
    assert store.sweep() == NOTHING
    assert sequences(store, old) == [*range(1, final.last_sequence + 1)]
    store.pass_time(old, "8 days")
    assert store.sweep() == COMPACTED
    assert sequences(store, old) == []


def test_sequences_go_on_when_a_compacted_batch_is_retried(store: Store, old: Batch) -> None:
    store.sweep()
    reopened = store.retry(old)
    assert (reopened.oldest_sequence, reopened.last_sequence) == (7, 8)
    assert sequences(store, old, after=6) == [7, 8]
    final = store.run(reopened, 1).batch
    assert final.status == "COMPLETED"
    assert sequences(store, old) == [*range(7, final.last_sequence + 1)]
    store.pass_time(old, "8 days")
    assert store.sweep() == COMPACTED, "what came later has its own time"
    assert store.batch(old).oldest_sequence == final.last_sequence + 1


def test_what_is_to_go_is_withdrawn_before_anything_is_deleted(store: Store, old: Batch) -> None:
    assert delete(store, old) == 0, "nothing is withdrawn yet"
    newest = newest_xact(store, old)
    assert withdraw(store, old)
    assert store.batch(old).oldest_sequence == 7
    assert horizon(store) == newest
    assert sequences(store, old) == [1, 2, 3, 4, 5, 6]
    assert not conclude(store, old), "nothing is deleted yet"


def test_the_horizon_only_rises(store: Store, old: Batch) -> None:
    later = store.run_all(store.submit(1), SUCCESS)
    store.pass_time(later, "9 days")
    newest = newest_xact(store, later)
    for batch in (later, old):
        assert withdraw(store, batch)
        assert horizon(store) == newest


def test_the_horizon_is_the_greatest_transaction_which_need_not_be_that_of_the_last_event(
    store: Store, old: Batch
) -> None:
    store.rows("UPDATE batch_events SET xact = '123456789' WHERE sequence = 3")
    assert withdraw(store, old)
    assert horizon(store) == 123456789


def test_a_history_of_the_previous_release_leaves_the_horizon_where_it_is(store: Store, old: Batch) -> None:
    store.rows("UPDATE batch_events SET xact = NULL")
    assert store.sweep() == COMPACTED
    assert horizon(store) == 0


def test_a_transaction_deletes_no_more_than_it_is_allowed_to(store: Store, old: Batch) -> None:
    withdraw(store, old)
    assert [delete(store, old, 4), delete(store, old, 4), delete(store, old, 4)] == [4, 2, 0]
    assert conclude(store, old)
    assert not conclude(store, old)


def test_a_sweep_leaves_the_rest_of_a_long_history_to_the_next_one(store: Store, old: Batch) -> None:
    lengthen(store, old, 25_000)
    assert store.sweep() == NOTHING
    assert store.count("batch_events") == 5_000
    assert store.sweep() == COMPACTED
    assert store.count("batch_events") == 0


def lengthen(store: Store, batch: Batch, events: int) -> None:
    store.rows(
        """
        INSERT INTO batch_events (batch_id, sequence, kind, data, occurred_at)
        SELECT :batch_id, n, 'ITEM_CHANGED', '{}', now() FROM generate_series(CAST(:first AS int), :last) n
        """,
        batch_id=batch.batch_id,
        first=batch.last_sequence + 1,
        last=events,
    )
    store.rows("UPDATE batches SET last_sequence = :last WHERE batch_id = :id", last=events, id=batch.batch_id)


@pytest.mark.parametrize(
    "steps",
    [
        [withdraw],
        [withdraw, lambda store, batch: delete(store, batch, 4)],
        [withdraw, lambda store, batch: delete(store, batch, 6)],
    ],
    ids=["withdrawn", "half deleted", "deleted"],
)
def test_a_sweep_goes_on_where_a_crash_ended_the_one_before(
    store: Store, old: Batch, steps: list[Callable[[Store, Batch], object]]
) -> None:
    for step in steps:
        step(store, old)
    before = horizon(store)
    assert store.sweep() == COMPACTED
    assert (sequences(store, old), horizon(store)) == ([], before)
    assert due(store) == []


def test_a_batch_that_is_retried_while_its_history_goes_keeps_what_is_new(store: Store, old: Batch) -> None:
    withdraw(store, old)
    delete(store, old, 4)
    reopened = store.retry(old)
    assert delete(store, old) == 2
    assert not conclude(store, old)
    assert sequences(store, old) == [7, 8]
    assert store.value("SELECT compacted_at FROM batches") is None
    store.run(reopened, 1)
    store.pass_time(old, "8 days")
    assert store.sweep() == COMPACTED


def test_a_retry_that_came_first_keeps_the_history(store: Store, old: Batch) -> None:
    def waits() -> bool:
        return bool(store.count("pg_stat_activity", "wait_event_type = 'Lock' AND datname = current_database()"))

    with ThreadPoolExecutor(1) as pool:
        with transaction(store.engine) as conn:
            batches.retry(conn, OWNER, old.batch_id, Retry(), store.queue)
            withdrawing = pool.submit(withdraw, store, old)
            eventually(waits, 10, "the wait for the lock of the batch")
        assert not withdrawing.result(10)
    assert (store.batch(old).oldest_sequence, horizon(store)) == (1, 0)
    assert delete(store, old) == 0


def test_whoever_changes_the_batch_does_not_wait_for_the_deletion(store: Store, old: Batch) -> None:
    withdraw(store, old)
    with store.engine.connect() as conn, conn.begin():
        assert compaction.delete(conn, old.batch_id, 1000) == 6
        store.rows("SELECT FROM batches FOR UPDATE NOWAIT")
        assert store.do(batches.retry, OWNER, old.batch_id, Retry(), store.queue).last_sequence == 8


def test_the_time_that_histories_are_kept_is_a_setting(store: Store, old: Batch) -> None:
    assert store.do(compaction.due, timedelta(days=9), limit=10) == []
    assert store.do(compaction.due, timedelta(hours=1), limit=10) == [old.batch_id]
