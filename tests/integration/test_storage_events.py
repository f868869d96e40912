"""The history of a batch: gapless, and enough to rebuild what the tables hold."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from reports_core.storage import attempts, events
from reports_core.storage.outcomes import Outcome
from tests.support.history import assert_consistent
from tests.support.storage import BROKEN, LAPSED, REFUSED, STOPPED, SUCCESS, Store

OUTCOMES = (SUCCESS, REFUSED, BROKEN, STOPPED)


def test_a_batch_of_one_has_the_history_of_its_life(store: Store) -> None:
    batch = store.submit(1)
    store.run(batch)
    told = [(event.kind, event.data.get("previous_status"), event.data.get("final")) for event in store.events(batch)]
    assert told == [
        ("STATUS_CHANGED", None, False),
        ("ITEM_CHANGED", "PENDING", None),
        ("ITEM_CHANGED", "PROCESSING", None),
        ("STATUS_CHANGED", "PROCESSING", True),
    ]


def test_a_history_is_read_in_pages_from_any_position(store: Store) -> None:
    batch = store.submit(2)
    store.run_all(batch, SUCCESS, SUCCESS)
    whole = store.events(batch)
    for after in range(len(whole) + 1):
        assert store.events(batch, after=after) == whole[after:]
    assert store.do(events.read, batch.batch_id, after=1, limit=2) == whole[1:3]


def test_the_events_of_a_rolled_back_change_take_no_sequence(store: Store) -> None:
    batch = store.submit(2)
    attempt = store.start(batch, 0)
    with store.engine.connect() as conn, conn.begin() as transaction:
        attempts.end_cancelled(conn, attempt.key)
        transaction.rollback()
    store.run(batch, 1)
    assert_consistent(store, batch)


def test_times_of_events_are_in_the_order_of_their_sequences(store: Store) -> None:
    batch = store.submit(3)
    store.run_all(batch, SUCCESS, REFUSED, SUCCESS)
    times = [event.occurred_at for event in store.events(batch)]
    assert times == sorted(times)


def test_the_history_folds_to_the_tables_through_cancel_and_retry(store: Store) -> None:
    batch = store.submit(6)
    store.run(batch, 0)
    store.run(batch, 1, REFUSED)
    store.run(batch, 2, BROKEN)
    store.start(batch, 3, lease=LAPSED)
    assert_consistent(store, batch)
    running = store.start(batch, 4)
    store.cancel(batch)
    assert_consistent(store, batch)
    store.sweep()
    store.finish(running, SUCCESS)
    assert_consistent(store, batch)
    again = store.retry(batch)
    assert_consistent(store, batch)
    for item in store.items(again):
        if item.status == "PENDING":
            store.run(again, item.position, SUCCESS)
    assert store.batch(batch).status == "COMPLETED"
    assert_consistent(store, batch)


def test_eight_workers_at_once_leave_no_gap_and_exact_counters(store: Store) -> None:
    batch = store.submit(48)
    barrier = Barrier(8, timeout=30)

    def work(worker: int) -> None:
        chance = random.Random(worker)
        barrier.wait()
        for position in range(worker, 48, 8):
            outcome: Outcome = chance.choice(OUTCOMES)
            store.finish(store.start(batch, position), outcome)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, worker) for worker in range(8)]:
            future.result()
    assert_consistent(store, batch)


def test_eight_workers_that_all_want_the_same_items_share_them(store: Store) -> None:
    batch = store.submit(10)
    barrier = Barrier(8, timeout=30)

    def work() -> int:
        barrier.wait()
        done = 0
        for position in range(10):
            if attempt := store.claim(batch, position).attempt:
                store.finish(attempt, SUCCESS)
                done += 1
        return done

    with ThreadPoolExecutor(8) as pool:
        assert sum(future.result() for future in [pool.submit(work) for _ in range(8)]) == 10
    assert store.batch(batch).status == "COMPLETED"
    assert store.count("report_analyses") == 10
    assert_consistent(store, batch)


def test_a_cancellation_among_finishing_workers_ends_the_batch_once(store: Store) -> None:
    batch = store.submit(24)
    running = [store.start(batch, position) for position in range(8)]
    barrier = Barrier(9, timeout=30)

    def finish(number: int) -> None:
        barrier.wait()
        store.finish(running[number], OUTCOMES[number % 4])

    def cancel() -> None:
        barrier.wait()
        store.cancel(batch)

    with ThreadPoolExecutor(9) as pool:
        for future in [*(pool.submit(finish, number) for number in range(8)), pool.submit(cancel)]:
            future.result()
    assert store.batch(batch).status == "PARTIALLY_COMPLETED"
    assert sum(event.data.get("final", False) for event in store.events(batch)) == 1
    assert_consistent(store, batch)
