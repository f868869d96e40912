"""Attempts: claimed by one, ended once, and fenced against whoever comes late."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from reports_core.domain.errors import AnalysisNotFound, AnalysisNotReady
from reports_core.domain.retry import timed_out
from reports_core.storage import analyses, attempts, progress, queue, reports
from reports_core.storage.attempts import Attempt, Claim, Delivery
from reports_core.storage.endings import Ended
from reports_core.storage.outcomes import AttemptOver, Outcome
from reports_core.storage.records import Batch
from tests.support.storage import BROKEN, LAPSED, LEASE, OWNER, REFUSED, STOPPED, SUCCESS, Store, analysis


def end_lost(store: Store, attempt: Attempt) -> Ended | None:
    return store.do(attempts.end_lost, attempt.key, store.queue)


def make_due(store: Store, batch: Batch) -> None:
    store.pass_time(batch, "1 hour")


def test_a_claim_starts_an_attempt_that_knows_its_report(store: Store) -> None:
    batch = store.submit(2)
    attempt = store.start(batch, 1)
    item = store.item(batch, 1)
    assert (attempt.key.attempt, attempt.task_id, attempt.report_id) == (1, batch.task_id, item.report_id)
    assert (attempt.report_type, attempt.content_sha256) == ("10_K", "0" * 64)
    assert (item.status, item.attempt) == ("PROCESSING", 1)
    assert store.batch(batch).counters.running == 1
    assert store.batch(batch).started_at is not None


def test_a_delivery_of_an_item_that_a_live_attempt_holds_is_put_back_until_its_lease_ends(store: Store) -> None:
    batch = store.submit(1, priority=7)
    store.take(queue.REPORT_QUEUE)
    store.start(batch)
    before, message_id = store.batch(batch), uuid4()
    claim = store.claim(batch, message_id=message_id)
    assert (claim.attempt, claim.lost) == (None, None)
    assert store.batch(batch) == before
    assert store.rows("SELECT message_id, priority, fairness_key, due_at FROM kombu_message") == [
        (str(message_id), 7, str(batch.batch_id), claim.held_until)
    ]
    assert claim.held_until == store.value("SELECT lease_expires_at FROM batch_items")


def test_a_delivery_that_was_put_back_takes_over_when_the_lease_has_ended(store: Store) -> None:
    batch = store.submit(1)
    store.start(batch)
    message_id = uuid4()
    assert store.claim(batch, message_id=message_id).held_until is not None
    store.pass_time(batch, "1 hour")
    claim = store.claim(batch, message_id=message_id)
    assert claim.attempt is not None
    assert claim.lost is not None
    assert (store.item(batch).attempt, store.item(batch).lost_workers) == (2, 1)


def test_the_message_of_a_live_attempt_that_the_broker_gives_to_another_ends_it_and_starts_the_next(
    store: Store,
) -> None:
    batch = store.submit(1)
    message_id = store.message_id()
    store.start(batch, message_id=message_id)
    for lost in (1, 2):
        claim = store.claim(batch, message_id=message_id, redelivered=True)
        assert claim.attempt is not None
        assert (claim.attempt.key.attempt, store.item(batch).lost_workers) == (lost + 1, lost)
    last = store.claim(batch, message_id=message_id, redelivered=True)
    assert last.attempt is None
    assert last.lost is not None
    assert (last.lost.item.status, last.lost.item.error_reason) == ("FAILED", "WORKER_LOST")
    assert store.count("kombu_message", "queue = 'report_processing'") == 1, "no message beside the one that goes round"


@pytest.mark.parametrize("redelivered", [True, False])
def test_another_message_does_not_end_a_live_attempt(store: Store, redelivered: bool) -> None:
    batch = store.submit(1)
    store.start(batch)
    assert store.claim(batch, redelivered=redelivered).lost is None
    assert store.item(batch).status == "PROCESSING"


def test_a_lost_attempt_of_a_batch_that_is_being_cancelled_is_cancelled(store: Store) -> None:
    batch = store.submit(1)
    message_id = store.message_id()
    store.start(batch, message_id=message_id)
    store.cancel(batch)
    claim = store.claim(batch, message_id=message_id, redelivered=True)
    assert claim.attempt is None
    assert claim.lost is not None
    assert claim.lost.batch.status == "CANCELLED"


def test_a_retry_has_its_message_at_once_which_is_due_with_it(store: Store) -> None:
    batch = store.submit(1, priority=2)
    store.take(queue.REPORT_QUEUE)
    item = store.run(batch, 0, BROKEN).item
    assert store.rows("SELECT message_id, priority, fairness_key, due_at FROM kombu_message") == [
        (str(queue.report_message_id(batch.task_id, 0, 1)), 2, str(batch.batch_id), item.next_attempt_at)
    ]


@pytest.mark.parametrize("outcome", [SUCCESS, REFUSED, STOPPED], ids=["completed", "failed", "cancelled"])
def test_a_delivery_of_a_final_item_claims_nothing(store: Store, outcome: Outcome) -> None:
    batch = store.submit(2)
    store.run(batch, 0, outcome)
    assert store.claim(batch, 0) == Claim()


def test_a_delivery_of_another_execution_claims_nothing(store: Store) -> None:
    batch = store.submit(1)
    store.run(batch, 0, REFUSED)
    store.retry(batch)
    assert store.claim(batch) == Claim()
    assert store.claim(store.batch(batch)).attempt is not None


def test_a_delivery_of_an_unknown_batch_claims_nothing(store: Store) -> None:
    delivery = Delivery(uuid4(), uuid4(), 0, uuid4(), uuid4())
    assert store.do(attempts.claim, delivery, lease=LEASE, broker=store.queue) == Claim()


def test_a_success_stores_its_analysis_with_the_item_and_the_report(store: Store) -> None:
    batch = store.submit(1)
    item = store.run(batch).item
    assert (item.status, item.error_reason) == ("COMPLETED", None)
    stored = store.do(analyses.get, OWNER, item.report_id)
    assert (stored.analysis_id, stored.analysis) == (item.analysis_id, analysis())
    assert stored.processing_time == timedelta(seconds=1.5)
    report = store.do(reports.get, OWNER, item.report_id)
    assert (report.status, report.latest_analysis_id) == ("COMPLETED", item.analysis_id)
    assert report.content_type == "text/html"


def test_an_analysis_without_a_review_is_stored_as_the_release_before_reads_it(store: Store) -> None:
    without = analysis(model_review=None)
    item = store.run(store.submit(1), 0, Outcome(analysis=without)).item
    assert store.do(analyses.get, OWNER, item.report_id).analysis == without
    assert store.count("report_analyses", "document ? 'model_review'") == 0


def test_a_failure_that_would_come_again_ends_the_item_with_its_reason(store: Store) -> None:
    batch = store.submit(1)
    ended = store.run(batch, 0, REFUSED)
    assert (ended.item.status, ended.item.error_reason) == ("FAILED", "UNSUPPORTED_FORMAT")
    assert ended.item.error_message == "This is an image."
    assert ended.batch.status == "FAILED"
    assert store.do(reports.get, OWNER, ended.item.report_id).status == "FAILED"


def test_a_failure_that_may_pass_waits_and_is_then_due_until_the_third(store: Store) -> None:
    batch = store.submit(1)
    for delay in (5, 20):
        item = store.run(batch, 0, BROKEN).item
        assert (item.status, item.error_reason) == ("RETRYING", "INTERNAL")
        seconds = store.value("SELECT extract(epoch FROM next_attempt_at - now()) FROM batch_items")
        assert delay - 2 < seconds <= delay
        assert store.claim(batch).held_until == item.next_attempt_at, "it is not due yet"
        make_due(store, batch)
    ended = store.run(batch, 0, BROKEN)
    assert (ended.item.status, ended.item.attempt, ended.item.failures) == ("FAILED", 3, 3)
    assert ended.batch.status == "FAILED"


def test_an_item_says_why_its_last_attempt_failed_until_the_next_one_starts(store: Store) -> None:
    batch = store.submit(1)
    item = store.run(batch, 0, BROKEN).item
    assert (item.error_reason, item.error_message) == ("INTERNAL", "The analysis failed unexpectedly.")
    make_due(store, batch)
    store.start(batch)
    assert (store.item(batch).error_reason, store.item(batch).error_message) == (None, None)


def test_a_report_shows_what_its_item_does(store: Store) -> None:
    batch = store.submit(1)
    report_id = store.item(batch).report_id

    def status() -> str:
        return store.do(reports.get, OWNER, report_id).status

    assert status() == "PENDING"
    with pytest.raises(AnalysisNotFound):
        store.do(analyses.get, OWNER, report_id)
    attempt = store.start(batch)
    assert status() == "PROCESSING"
    with pytest.raises(AnalysisNotReady):
        store.do(analyses.get, OWNER, report_id)
    store.finish(attempt, STOPPED)
    assert status() == "PENDING"


def test_a_cancelled_attempt_leaves_the_earlier_analysis_of_a_report_valid(store: Store) -> None:
    (report_id,) = store.reports(1)
    first = store.run(store.submit([report_id])).item
    second = store.run(store.submit([report_id]), 0, STOPPED).item
    report = store.do(reports.get, OWNER, second.report_id)
    assert (report.status, report.latest_analysis_id) == ("COMPLETED", first.analysis_id)


def test_whoever_finishes_twice_changes_nothing_the_second_time(store: Store) -> None:
    batch = store.submit(2)
    attempt = store.start(batch)
    store.finish(attempt, SUCCESS)
    before, history = store.batch(batch), store.events(batch)
    for outcome in (SUCCESS, REFUSED, STOPPED):
        with pytest.raises(AttemptOver):
            store.finish(attempt, outcome)
    assert store.batch(batch) == before
    assert store.events(batch) == history
    assert store.count("report_analyses") == 1


@pytest.mark.parametrize("outcome", [SUCCESS, REFUSED, BROKEN, STOPPED], ids=["success", "refused", "broken", "stop"])
def test_a_worker_that_was_given_up_and_comes_back_changes_nothing(store: Store, outcome: Outcome) -> None:
    batch = store.submit(1)
    late = store.start(batch, lease=LAPSED)
    current = store.start(batch)
    assert (late.key.attempt, current.key.attempt) == (1, 2)
    before = store.batch(batch)

    with pytest.raises(AttemptOver):
        store.finish(late, outcome)
    assert end_lost(store, late) is None
    assert store.do(attempts.end_failed, late.key, timed_out(60), store.queue) is None
    assert store.do(attempts.end_cancelled, late.key) is None
    assert not store.do(progress.record, late, "SCORING", 0.5)

    assert store.batch(batch) == before
    assert store.count("report_analyses") == 0
    assert store.finish(current, SUCCESS).batch.status == "COMPLETED"


def test_a_late_success_is_refused_when_the_execution_is_over(store: Store) -> None:
    batch = store.submit(1)
    late = store.start(batch)
    store.do(attempts.end_failed, late.key, timed_out(60), store.queue)
    store.retry(batch)
    with pytest.raises(AttemptOver):
        store.finish(late, SUCCESS)
    assert store.count("report_analyses") == 0
    assert store.item(batch).status == "PENDING"


def test_an_item_whose_lease_ended_is_claimed_by_the_next_delivery_and_counted_as_lost(store: Store) -> None:
    batch = store.submit(1)
    store.start(batch, lease=LAPSED)
    store.start(batch, lease=LAPSED)
    item = store.item(batch)
    assert (item.attempt, item.lost_workers, item.failures) == (2, 1, 0)
    kinds = [event.data["item"]["status"] for event in store.events(batch, after=1)]
    assert kinds == ["PROCESSING", "RETRYING", "PROCESSING"]


def test_a_report_that_kills_every_worker_fails_after_three(store: Store) -> None:
    batch = store.submit(2)
    for lost in (1, 2):
        ended = end_lost(store, store.start(batch))
        assert ended is not None
        assert (ended.item.status, ended.item.lost_workers) == ("RETRYING", lost)
        assert ended.item.error_reason == "WORKER_LOST"
    ended = end_lost(store, store.start(batch))
    assert ended is not None
    assert (ended.item.status, ended.item.error_reason, ended.item.attempt) == ("FAILED", "WORKER_LOST", 3)
    assert store.run(batch, 1).batch.status == "PARTIALLY_COMPLETED"


def test_lost_workers_and_failures_are_counted_apart(store: Store) -> None:
    batch = store.submit(1)
    for attempt in range(2):
        store.run(batch, 0, BROKEN)
        make_due(store, batch)
        end_lost(store, store.start(batch))
        assert store.item(batch).status == "RETRYING", attempt
    ended = store.run(batch)
    assert (ended.item.status, ended.item.attempt) == ("COMPLETED", 5)
    assert (ended.item.failures, ended.item.lost_workers) == (2, 2)


def test_a_lost_attempt_is_dispatched_again_in_the_same_transaction(store: Store) -> None:
    batch = store.submit(1)
    store.take(queue.REPORT_QUEUE)
    end_lost(store, store.start(batch))
    assert store.waiting(queue.REPORT_QUEUE) == 1


@pytest.mark.parametrize(("retryable", "status", "messages"), [(False, "FAILED", 0), (True, "RETRYING", 1)])
def test_a_task_that_reached_its_time_limit_is_tried_again_by_policy(
    store: Store, retryable: bool, status: str, messages: int
) -> None:
    batch = store.submit(1)
    store.take(queue.REPORT_QUEUE)
    failure = timed_out(60, retryable=retryable)
    ended = store.do(attempts.end_failed, store.start(batch).key, failure, store.queue)
    assert ended is not None
    assert (ended.item.status, ended.item.error_reason, ended.item.failures) == (status, "TIMED_OUT", 1)
    assert store.waiting(queue.REPORT_QUEUE) == messages


def test_only_the_attempts_that_a_worker_runs_are_kept_alive(store: Store) -> None:
    batch = store.submit(3)
    worker, stranger, messages = uuid4(), uuid4(), [uuid4() for _ in range(3)]
    for position, owner in enumerate([worker, worker, stranger]):
        delivery = Delivery(batch.batch_id, batch.task_id, position, messages[position], owner)
        store.do(attempts.claim, delivery, lease=LAPSED, broker=store.queue)
    store.do(attempts.renew, worker, [messages[0], messages[2]], lease=LEASE)
    assert [key.position for key in store.do(attempts.expired, limit=10)] == [1, 2]


def test_a_worker_finds_the_attempt_that_it_runs_for_a_message(store: Store) -> None:
    batch = store.submit(1)
    worker, message_id = uuid4(), uuid4()
    delivery = Delivery(batch.batch_id, batch.task_id, 0, message_id, worker)
    attempt = store.do(attempts.claim, delivery, lease=LEASE, broker=store.queue).attempt
    assert attempt is not None
    assert store.do(attempts.running_under, worker, message_id, batch.batch_id, 0) == attempt.key
    assert store.do(attempts.running_under, uuid4(), message_id, batch.batch_id, 0) is None
    store.finish(attempt, SUCCESS)
    assert store.do(attempts.running_under, worker, message_id, batch.batch_id, 0) is None
