"""The sweep: what crashes leave behind is repaired, and what is healthy is left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text

from reports_core.storage import dispatch, queue
from reports_core.storage.queue import CeleryQueue
from reports_core.storage.records import Batch
from reports_core.storage.sweep import Swept
from tests.support.storage import BROKEN, LAPSED, SUCCESS, Store

NOTHING = Swept()


@pytest.fixture
def elsewhere(store: Store) -> Store:
    """Give the storage with a broker that is not its database."""
    store.queue = CeleryQueue("memory://")
    return store


def lose_messages(store: Store, name: str) -> None:
    store.rows("DELETE FROM kombu_message WHERE queue = :name", name=name)


def dispatched_at(store: Store, batch: Batch) -> object:
    return store.value("SELECT dispatched_at FROM batch_executions WHERE task_id = :task_id", task_id=batch.task_id)


def test_a_healthy_system_has_nothing_to_repair(store: Store) -> None:
    batch = store.submit(3)
    store.run(batch, 0)
    store.start(batch, 1)
    store.submit(1, dispatched=False)
    assert store.sweep() == NOTHING


def test_a_batch_whose_message_is_lost_is_dispatched_once_by_sweepers_that_run_at_once(store: Store) -> None:
    batch = store.submit(5, dispatched=False)
    lose_messages(store, queue.BATCH_QUEUE)
    store.pass_time(batch, "1 minute")
    barrier = Barrier(2, timeout=30)

    def sweep() -> Swept | None:
        barrier.wait()
        return store.sweeper().sweep()

    with ThreadPoolExecutor(2) as pool:
        answers = [future.result() for future in [pool.submit(sweep) for _ in range(2)]]
    assert sum(swept.executions_dispatched for swept in answers if swept) == 1
    assert store.waiting(queue.REPORT_QUEUE) == 5
    assert dispatched_at(store, batch) is not None


def test_only_one_process_sweeps_at_a_time(store: Store) -> None:
    store.submit(1)
    with store.engine.connect() as other, other.begin():
        other.execute(text("SELECT pg_try_advisory_xact_lock(7305311940287165)"))
        assert store.sweeper().sweep() is None
    assert store.sweeper().sweep() == NOTHING


def test_a_batch_whose_message_still_waits_is_not_dispatched_by_the_sweep_however_old(store: Store) -> None:
    batch = store.submit(5, dispatched=False)
    store.pass_time(batch, "3 days")
    assert store.sweep() == NOTHING
    assert dispatched_at(store, batch) is None


def test_a_batch_whose_message_was_taken_just_now_is_left_to_its_worker(store: Store) -> None:
    store.submit(5, dispatched=False)
    store.take(queue.BATCH_QUEUE)
    assert store.sweep() == NOTHING


def test_an_attempt_whose_lease_ended_is_ended_and_its_item_dispatched_again(store: Store) -> None:
    batch = store.submit(1)
    store.take(queue.REPORT_QUEUE)
    store.start(batch, lease=LAPSED)
    assert store.sweep() == Swept(attempts_ended=1)
    item = store.item(batch)
    assert (item.status, item.lost_workers) == ("RETRYING", 1)
    assert store.waiting(queue.REPORT_QUEUE) == 1
    assert store.run(batch).batch.status == "COMPLETED"


def test_an_item_whose_message_vanished_is_dispatched_again_after_the_grace(store: Store) -> None:
    batch = store.submit(3)
    store.run(batch, 0)
    store.take(queue.REPORT_QUEUE)
    assert store.sweep() == NOTHING, "its message may still be on its way"
    store.pass_time(batch, "1 minute")
    assert store.sweep() == Swept(items_dispatched=2)
    assert store.waiting(queue.REPORT_QUEUE) == 2
    assert store.sweep() == NOTHING


def test_an_item_that_vanishes_again_and_again_is_dispatched_again_and_again(store: Store) -> None:
    batch = store.submit(1)
    message_ids = set()
    for _ in range(3):
        message_ids.add(store.value("SELECT message_id FROM kombu_message"))
        store.take(queue.REPORT_QUEUE)
        store.pass_time(batch, "1 minute")
        assert store.sweep() == Swept(items_dispatched=1)
    assert len(message_ids) == 3


def test_a_healthy_backlog_is_not_dispatched_again_however_long_it_waits(store: Store) -> None:
    batch = store.submit(50)
    store.pass_time(batch, "3 days")
    assert store.sweep() == NOTHING
    assert store.waiting(queue.REPORT_QUEUE) == 50


def test_a_retry_whose_message_waits_until_it_is_due_is_left_alone(store: Store) -> None:
    batch = store.submit(1)
    store.take(queue.REPORT_QUEUE)
    store.run(batch, 0, BROKEN)
    store.pass_time(batch, "1 minute")
    assert store.sweep() == NOTHING
    assert store.waiting(queue.REPORT_QUEUE) == 1


def test_with_a_broker_elsewhere_a_retry_is_dispatched_when_it_is_due_and_not_before(elsewhere: Store) -> None:
    batch = elsewhere.submit(1)
    elsewhere.run(batch, 0, BROKEN)
    assert elsewhere.sweep() == NOTHING
    elsewhere.pass_time(batch, "1 minute")
    assert elsewhere.sweep() == Swept(items_dispatched=1)
    assert elsewhere.sweep() == NOTHING
    assert elsewhere.run(batch).batch.status == "COMPLETED"


def test_with_a_broker_elsewhere_a_submission_is_dispatched_by_the_next_sweep(elsewhere: Store) -> None:
    elsewhere.submit(2, dispatched=False)
    assert elsewhere.sweep() == Swept(executions_dispatched=1)
    assert elsewhere.count("kombu_message") == 0


def test_an_attempt_that_lost_its_worker_waits_for_its_own_message_when_the_queue_still_has_it(store: Store) -> None:
    batch = store.submit(1)
    store.start(batch, message_id=store.message_id(), lease=LAPSED)
    assert store.sweep() == Swept(attempts_ended=1)
    store.pass_time(batch, "1 minute")
    assert store.sweep() == NOTHING
    assert store.count("kombu_message") == 1
    assert store.claim(batch, message_id=store.message_id(), redelivered=True).attempt is not None


def test_a_large_backlog_is_looked_through_by_and_by(store: Store) -> None:
    batch = store.submit(10)
    other = store.submit(1)
    lost = str(queue.report_message_id(batch.task_id, 9, 0))
    store.rows("DELETE FROM kombu_message WHERE message_id = :lost", lost=lost)
    store.pass_time(batch, "1 minute")
    store.pass_time(other, "1 minute")
    place, found, looks = dispatch.FIRST, [], 0
    while not looks or place != dispatch.FIRST:
        stuck = store.do(dispatch.stuck, store.queue, grace=timedelta(seconds=1), after=place, limit=3)
        found += list(stuck.positions.items())
        place, looks = stuck.next, looks + 1
    assert (found, looks) == ([(batch.batch_id, [9])], 4)


def test_a_sweep_costs_one_statement_while_nothing_is_open(store: Store) -> None:
    store.run(store.submit(1))
    store.sweep()
    sweeper = store.sweeper()
    assert sweeper.sweep() == NOTHING
    statements: list[str] = []

    def record(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        assert sweeper.sweep() == NOTHING
    finally:
        event.remove(Engine, "before_cursor_execute", record)
        sweeper.close()
    assert len(statements) == 1


def test_a_sweeper_goes_on_when_its_connection_broke(store: Store) -> None:
    sweeper = store.sweeper()
    assert sweeper.sweep() == NOTHING
    store.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND datname = current_database() AND backend_type = 'client backend'"
    )
    assert sweeper.sweep() == NOTHING
    sweeper.close()


def test_a_batch_that_is_being_cancelled_gets_no_messages(store: Store) -> None:
    batch = store.submit(2)
    store.start(batch, 0, lease=LAPSED)
    store.take(queue.REPORT_QUEUE)
    store.cancel(batch)
    store.pass_time(batch, "1 minute")
    assert store.sweep() == Swept(attempts_ended=1)
    assert store.waiting(queue.REPORT_QUEUE) == 0
    assert store.batch(batch).status == "CANCELLED"


def test_an_execution_timeout_fails_what_waits_and_lets_what_runs_finish(store: Store) -> None:
    batch = store.submit(4, execution_timeout=timedelta(minutes=10))
    store.run(batch, 0)
    running = store.start(batch, 1)
    store.run(batch, 2, BROKEN)
    assert store.sweep() == NOTHING, "its time is not over"

    store.rows("UPDATE batch_executions SET deadline_at = now() - interval '1 second'")
    assert store.sweep() == Swept(batches_timed_out=1)
    assert [item.status for item in store.items(batch)] == ["COMPLETED", "PROCESSING", "FAILED", "FAILED"]
    failed = store.item(batch, 3)
    assert (failed.error_reason, failed.attempt) == ("DEADLINE_EXCEEDED", 0)
    (event,) = [event for event in store.events(batch) if event.kind == "ITEMS_CHANGED"]
    assert (event.data["positions"], event.data["error_reason"]) == ([2, 3], "DEADLINE_EXCEEDED")

    assert store.finish(running, SUCCESS).batch.status == "PARTIALLY_COMPLETED"
    assert store.sweep() == NOTHING


def test_a_retry_has_the_whole_execution_timeout_again(store: Store) -> None:
    batch = store.submit(1, execution_timeout=timedelta(minutes=10))
    store.rows("UPDATE batch_executions SET deadline_at = now() - interval '1 second'")
    store.sweep()
    again = store.retry(batch)
    seconds = store.value(
        "SELECT extract(epoch FROM deadline_at - now()) FROM batch_executions WHERE task_id = :task_id",
        task_id=again.task_id,
    )
    assert 590 < seconds <= 600


def test_one_repair_that_fails_does_not_stop_the_others(store: Store) -> None:
    broken, healthy = (store.submit(1, dispatched=False) for _ in range(2))
    lose_messages(store, queue.BATCH_QUEUE)
    for batch in (broken, healthy):
        store.pass_time(batch, "1 minute")
    refuse_dispatch_of(store, broken.task_id)
    assert store.sweep() == Swept(executions_dispatched=1)
    assert dispatched_at(store, broken) is None
    assert dispatched_at(store, healthy) is not None


def refuse_dispatch_of(store: Store, task_id: UUID) -> None:
    store.rows(
        "ALTER TABLE batch_executions ADD CONSTRAINT refused "
        f"CHECK (task_id <> '{task_id}' OR dispatched_at IS NULL) NOT VALID"
    )
