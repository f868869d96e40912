"""Cancellation and retry of batches."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from reports_core.domain.errors import (
    BatchAlreadyFinal,
    BatchNotFinal,
    EtagMismatch,
    NothingToRetry,
    ReportNotInBatch,
    RequestIdReused,
    TaskNotFound,
)
from reports_core.storage import attempts, batches, dispatch, progress, queue
from reports_core.storage.attempts import Claim
from reports_core.storage.outcomes import Outcome
from reports_core.storage.records import Batch
from tests.support.storage import BROKEN, OWNER, REFUSED, STOPPED, SUCCESS, Store


def statuses(store: Store, batch: Batch, *, task_id: UUID | None = None) -> list[str]:
    return [item.status for item in store.items(batch, task_id=task_id)]


def test_a_batch_cancelled_before_its_dispatch_dispatches_nothing(store: Store) -> None:
    batch = store.submit(3, dispatched=False)
    cancelled = store.cancel(batch, reason="submitted by mistake")
    assert (cancelled.status, cancelled.counters.cancelled) == ("CANCELLED", 3)
    assert store.do(dispatch.dispatch_execution, batch.task_id, store.queue) == 0
    assert store.waiting(queue.REPORT_QUEUE) == 0
    assert store.value("SELECT cancel_reason FROM batches") == "submitted by mistake"


def test_a_dispatch_puts_one_message_per_report_and_only_once(store: Store) -> None:
    batch = store.submit(3, dispatched=False)
    assert store.do(dispatch.dispatch_execution, batch.task_id, store.queue) == 3
    assert store.do(dispatch.dispatch_execution, batch.task_id, store.queue) == 0
    assert store.waiting(queue.REPORT_QUEUE) == 3


def test_a_cancellation_ends_what_waits_and_asks_what_runs_to_stop(store: Store) -> None:
    batch = store.submit(3)
    running = store.start(batch, 1)
    cancelling = store.cancel(batch)
    assert (cancelling.status, cancelling.processed_at) == ("CANCELLING", None)
    assert statuses(store, batch) == ["CANCELLED", "PROCESSING", "CANCELLED"]
    assert not store.do(progress.record, running, "SCORING", 0.5), "the attempt hears that it should stop"
    assert store.claim(batch, 0) == Claim()
    ended = store.finish(running, STOPPED)
    assert (ended.batch.status, ended.batch.counters.cancelled) == ("CANCELLED", 3)


def test_an_attempt_that_finishes_all_the_same_keeps_its_result(store: Store) -> None:
    batch = store.submit(2)
    running = store.start(batch)
    store.cancel(batch)
    ended = store.finish(running, SUCCESS)
    assert ended.batch.status == "PARTIALLY_COMPLETED"
    assert statuses(store, batch) == ["COMPLETED", "CANCELLED"]


@pytest.mark.parametrize(
    ("outcome", "status", "batch_status"),
    [(BROKEN, "CANCELLED", "CANCELLED"), (REFUSED, "FAILED", "FAILED")],
    ids=["may-pass", "permanent"],
)
def test_a_batch_that_is_being_cancelled_starts_no_further_attempt(
    store: Store, outcome: Outcome, status: str, batch_status: str
) -> None:
    batch = store.submit(2)
    running = store.start(batch)
    store.cancel(batch)
    ended = store.finish(running, outcome)
    assert (ended.item.status, ended.batch.status) == (status, batch_status)
    assert (ended.item.error_reason is not None) == (status == "FAILED")


def test_a_lost_worker_ends_a_cancellation_too(store: Store) -> None:
    batch = store.submit(1)
    running = store.start(batch)
    store.cancel(batch)
    ended = store.do(attempts.end_lost, running.key, store.queue)
    assert ended is not None
    assert ended.batch.status == "CANCELLED"


def test_an_item_that_waits_for_its_retry_is_cancelled(store: Store) -> None:
    batch = store.submit(1)
    store.run(batch, 0, BROKEN)
    assert store.cancel(batch).status == "CANCELLED"
    item = store.item(batch)
    assert (item.status, item.next_attempt_at, item.error_reason, item.error_message) == ("CANCELLED", None, None, None)


def test_a_repeated_cancellation_changes_nothing_whatever_the_etag(store: Store) -> None:
    batch = store.submit(2)
    running = store.start(batch)
    store.cancel(batch)
    before = store.batch(batch)
    assert store.cancel(batch, etag="stale") == before
    store.finish(running, STOPPED)
    after = store.batch(batch)
    assert store.cancel(batch, etag="stale") == after
    assert [event.sequence for event in store.events(batch)] == list(range(1, after.last_sequence + 1))


@pytest.mark.parametrize("outcome", [SUCCESS, REFUSED], ids=["completed", "failed"])
def test_a_batch_whose_reports_all_finished_cannot_be_cancelled(store: Store, outcome: Outcome) -> None:
    batch = store.submit(1)
    store.run(batch, 0, outcome)
    with pytest.raises(BatchAlreadyFinal):
        store.cancel(batch)


def test_a_stale_etag_refuses_a_cancellation_and_a_retry(store: Store) -> None:
    batch = store.submit(1)
    store.run(batch, 0, REFUSED)
    for act in (store.cancel, store.retry):
        with pytest.raises(EtagMismatch):
            act(batch, etag=batch.etag)
    assert store.retry(batch, etag=store.batch(batch).etag).execution_count == 2


def test_every_change_of_a_batch_changes_its_etag(store: Store) -> None:
    batch = store.submit(2)
    etags = [batch.etag]
    store.run(batch, 0, REFUSED)
    etags.append(store.batch(batch).etag)
    etags.append(store.cancel(batch).etag)
    etags.append(store.retry(batch).etag)
    assert len(set(etags)) == len(etags)


def test_a_retry_runs_again_what_did_not_succeed_under_a_new_task(store: Store) -> None:
    batch = store.submit(3)
    store.run(batch, 0)
    store.run(batch, 1, REFUSED)
    store.cancel(batch)
    again = store.retry(batch)
    assert (again.status, again.execution_count, again.processed_at) == ("PROCESSING", 2, None)
    assert again.task_id != batch.task_id
    assert (again.counters.successful, again.counters.failed, again.counters.cancelled) == (1, 0, 0)
    assert statuses(store, batch) == ["COMPLETED", "PENDING", "PENDING"]
    assert store.waiting(queue.BATCH_QUEUE) == 1
    assert store.do(dispatch.dispatch_execution, again.task_id, store.queue) == 2
    store.run(again, 1)
    assert store.run(again, 2).batch.status == "COMPLETED"


def test_an_attempt_goes_on_counting_over_executions_and_starts_with_all_its_tries(store: Store) -> None:
    batch = store.submit(1)
    for _ in range(3):
        store.run(batch, 0, BROKEN)
        store.pass_time(batch, "1 hour")
    again = store.retry(batch)
    item = store.run(again, 0, BROKEN).item
    assert (item.status, item.attempt, item.failures) == ("RETRYING", 4, 1)


def test_an_old_execution_is_answered_as_it_ended_before_and_after_the_end_of_its_retry(store: Store) -> None:
    batch = store.submit(3)
    ended = store.run_all(batch, SUCCESS, REFUSED, REFUSED)
    outcomes = store.items(batch)
    again = store.retry(batch)

    def old() -> Batch:
        return store.do(batches.get, OWNER, batch.batch_id, batch.task_id)

    for _ in range(2):
        assert (old().status, old().counters) == ("PARTIALLY_COMPLETED", ended.counters)
        assert (old().task_id, old().execution_count) == (batch.task_id, 1)
        assert (old().last_sequence, old().processed_at) == (ended.last_sequence, ended.processed_at)
        assert statuses(store, batch, task_id=batch.task_id) == ["COMPLETED", "FAILED", "FAILED"]
        kept = store.items(batch, task_id=batch.task_id)
        assert [(item.error_reason, item.analysis_id) for item in kept] == [
            (item.error_reason, item.analysis_id) for item in outcomes
        ]
        if store.batch(batch).status == "PROCESSING":
            store.run(again, 1)
            store.run(again, 2)
    assert store.batch(batch).status == "COMPLETED"


def test_a_task_that_is_no_execution_of_the_batch_is_unknown(store: Store) -> None:
    batch, other = store.submit(1), store.submit(1)
    with pytest.raises(TaskNotFound):
        store.do(batches.get, OWNER, batch.batch_id, other.task_id)


def test_a_retry_may_name_some_of_the_reports(store: Store) -> None:
    report_ids = store.reports(3)
    batch = store.submit(report_ids)
    store.run_all(batch, REFUSED, REFUSED, SUCCESS)
    again = store.retry(batch, report_ids=[report_ids[1]])
    assert statuses(store, batch) == ["FAILED", "PENDING", "COMPLETED"]
    assert store.run(again, 1).batch.status == "PARTIALLY_COMPLETED"


@pytest.mark.parametrize("which", ["succeeded", "of another batch"])
def test_a_retry_of_a_report_that_did_not_fail_here_is_refused_by_its_index(store: Store, which: str) -> None:
    report_ids = store.reports(2)
    batch = store.submit(report_ids)
    store.run_all(batch, REFUSED, SUCCESS)
    wrong = report_ids[1] if which == "succeeded" else str(uuid4())
    with pytest.raises(ReportNotInBatch) as refused:
        store.retry(batch, report_ids=[report_ids[0], wrong])
    assert refused.value.field == "report_ids[1]"
    assert statuses(store, batch) == ["FAILED", "COMPLETED"]


def test_a_batch_that_still_runs_or_fully_succeeded_is_not_retried(store: Store) -> None:
    batch = store.submit(1)
    with pytest.raises(BatchNotFinal):
        store.retry(batch)
    store.run(batch)
    with pytest.raises(NothingToRetry):
        store.retry(batch)


def test_a_repeated_retry_starts_nothing_even_with_its_old_etag(store: Store) -> None:
    report_ids = store.reports(2)
    batch = store.submit(report_ids)
    failed = store.run_all(batch, REFUSED, REFUSED)
    request_id = uuid4()
    again = store.retry(batch, request_id=request_id, etag=failed.etag)
    store.run(again, 0)
    repeat = store.retry(batch, request_id=request_id, etag=failed.etag)
    assert repeat == store.batch(batch)
    assert repeat.execution_count == 2
    with pytest.raises(RequestIdReused):
        store.retry(batch, request_id=request_id, report_ids=report_ids[:1])
