"""Attempts that do not end with the cancellation of their batch are found, and ended by the sweep."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from reports_core.storage import attempts, cancellation, progress
from reports_core.storage.attempts import Attempt, Delivery
from reports_core.storage.cancellation import SWEEP_GRACE, WORKER_GRACE
from reports_core.storage.endings import AttemptKey
from reports_core.storage.outcomes import AttemptOver
from reports_core.storage.records import Batch
from reports_core.storage.sweep import Swept
from tests.support.storage import BROKEN, LEASE, STOPPED, SUCCESS, Store

AT_ONCE = timedelta(seconds=-1)


def overdue(store: Store) -> list[AttemptKey]:
    return store.do(cancellation.stragglers, grace=SWEEP_GRACE, limit=10)


def requested(store: Store, batch: Batch, seconds: float) -> None:
    """Have the cancellation been requested so long ago."""
    store.rows(
        "UPDATE batches SET cancel_requested_at = now() - CAST(:ago AS interval) WHERE batch_id = :batch_id",
        ago=timedelta(seconds=seconds),
        batch_id=batch.batch_id,
    )


def stuck(store: Store) -> tuple[Batch, Attempt]:
    """Return a batch that is being cancelled for a minute, and its attempt that does not stop."""
    batch = store.submit(2)
    attempt = store.start(batch)
    store.cancel(batch)
    requested(store, batch, 60)
    return batch, attempt


def test_an_attempt_may_stop_by_itself_first(store: Store) -> None:
    batch = store.submit(2)
    attempt = store.start(batch)
    store.cancel(batch)
    assert overdue(store) == []
    requested(store, batch, 60)
    assert overdue(store) == [attempt.key]


def test_the_sweep_ends_what_does_not_stop_whatever_its_lease(store: Store) -> None:
    batch, _ = stuck(store)
    assert store.sweep() == Swept(attempts_cancelled=1)
    ended = store.batch(batch)
    assert (ended.status, ended.counters.cancelled) == ("CANCELLED", 2)
    assert store.sweep() == Swept()


def test_a_worker_that_returns_after_the_sweep_changes_nothing_and_hears_of_it(store: Store) -> None:
    batch, attempt = stuck(store)
    store.sweep()
    before, history = store.batch(batch), store.events(batch)
    assert not store.do(progress.goes_on, attempt.key)
    with pytest.raises(AttemptOver):
        store.finish(attempt, SUCCESS)
    assert (store.batch(batch), store.events(batch)) == (before, history)
    assert store.count("report_analyses") == 0


def test_a_batch_that_is_being_cancelled_has_no_execution_timeout_any_more(store: Store) -> None:
    batch = store.submit(2, execution_timeout=timedelta(minutes=10))
    running = store.start(batch)
    store.cancel(batch)
    store.rows("UPDATE batch_executions SET deadline_at = now() - interval '1 second'")
    assert store.sweep() == Swept()
    ended = store.finish(running, STOPPED)
    assert (ended.batch.status, ended.batch.counters.cancelled) == ("CANCELLED", 2)


def test_a_batch_that_an_earlier_release_cancels_is_ended_too(store: Store) -> None:
    batch, _ = stuck(store)
    store.rows("UPDATE batches SET cancel_requested_at = NULL, updated_at = now() - interval '1 minute'")
    assert store.sweep() == Swept(attempts_cancelled=1)
    assert store.batch(batch).status == "CANCELLED"


def test_a_retry_forgets_the_cancellation(store: Store) -> None:
    batch, _ = stuck(store)
    store.sweep()
    again = store.retry(batch)
    store.start(again)
    assert store.value("SELECT cancel_requested_at FROM batches") is None
    assert overdue(store) == []


def test_a_worker_finds_what_it_runs_and_what_should_have_stopped(store: Store) -> None:
    worker, cancelled, other = uuid4(), uuid4(), uuid4()
    batches = [store.submit(1), store.submit(1)]
    for batch, message_id in zip(batches, (cancelled, other), strict=True):
        delivery = Delivery(batch.batch_id, batch.task_id, 0, message_id, worker)
        store.do(attempts.claim, delivery, lease=LEASE, broker=store.queue)
    store.cancel(batches[0])

    def running(grace: timedelta) -> dict[object, bool]:
        found = store.do(cancellation.running, worker, [cancelled, other, uuid4()], grace=grace)
        return {message_id: attempt.overdue for message_id, attempt in found.items()}

    assert running(WORKER_GRACE) == {cancelled: False, other: False}
    assert running(AT_ONCE) == {cancelled: True, other: False}
    assert store.do(cancellation.running, uuid4(), [cancelled, other], grace=AT_ONCE) == {}


def test_a_report_that_waited_for_its_next_attempt_is_as_before_once_that_is_cancelled(store: Store) -> None:
    batch = store.submit(1)
    store.run(batch, 0, BROKEN)
    assert store.value("SELECT status FROM reports") == "PROCESSING"
    store.cancel(batch)
    assert store.value("SELECT status FROM reports") == "PENDING"


def test_a_report_that_waited_for_its_next_attempt_has_failed_once_the_time_of_its_batch_is_over(store: Store) -> None:
    batch = store.submit(2, execution_timeout=timedelta(minutes=10))
    store.run(batch, 0, BROKEN)
    store.rows("UPDATE batch_executions SET deadline_at = now() - interval '1 second'")
    store.sweep()
    statuses = "SELECT r.status FROM reports r JOIN batch_items i USING (report_id) ORDER BY i.position"
    assert store.rows(statuses) == [("FAILED",), ("PENDING",)]
