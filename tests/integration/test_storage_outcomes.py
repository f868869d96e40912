"""Outcomes: handed in side by side, applied together, overtaken by nobody, and lost by none."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from reports_core.domain.analysis import ReportAnalysis, Score
from reports_core.domain.batch import Counters
from reports_core.domain.retry import Failure
from reports_core.storage import attempts, changes, outcomes, queue
from reports_core.storage.attempts import Attempt, Delivery
from reports_core.storage.outcomes import AttemptOver, Outcome
from reports_core.storage.records import Batch
from reports_core.storage.transactions import transaction
from tests.support.history import assert_consistent
from tests.support.storage import BROKEN, LEASE, REFUSED, STOPPED, SUCCESS, Store, analysis
from tests.support.waiting import eventually

P = ParamSpec("P")
T = TypeVar("T")

FINISHERS = 8


def hand_in(store: Store, attempt: Attempt, outcome: Outcome = SUCCESS) -> None:
    """Do what a worker has done that is killed before anybody applies its outcome."""
    store.do(outcomes.hand_in, attempt.key, outcome)


def start_all(store: Store, batch: Batch) -> list[Attempt]:
    return [store.start(batch, position) for position in range(batch.counters.total_reports)]


def commits(store: Store, batch: Batch) -> int:
    """Return how many transactions ended attempts of the batch."""
    return int(
        store.value(
            """
            SELECT count(DISTINCT CAST(xact AS text)) FROM batch_events WHERE batch_id = :batch_id
                AND kind = 'ITEM_CHANGED' AND data ->> 'previous_status' = 'PROCESSING'
            """,
            batch_id=batch.batch_id,
        )
    )


@contextmanager
def finishing(
    store: Store, batch: Batch, running: Sequence[Attempt], outcome: Outcome = SUCCESS
) -> Iterator[list[Future[outcomes.Finished]]]:
    """Give finishers that have handed in and wait for the batch, which somebody else has locked meanwhile."""
    with ThreadPoolExecutor(len(running)) as pool:
        with transaction(store.engine) as conn:
            changes.lock(conn, batch.batch_id)
            futures = [pool.submit(store.finish, attempt, outcome) for attempt in running]
            eventually(lambda: store.count("batch_outcomes") == len(running), 10, "handing in")
        yield futures


def test_what_is_handed_in_while_the_batch_is_locked_is_applied_in_one_commit(store: Store) -> None:
    batch = store.submit(FINISHERS + 1)
    running = start_all(store, batch)
    with finishing(store, batch, running[:FINISHERS]) as futures:
        finished = [future.result() for future in futures]
    assert sum(one.led for one in finished) == 1, "one of them announces the changes"
    assert {one.item.status for one in finished} == {"COMPLETED"}
    assert commits(store, batch) == 1
    assert store.count("report_analyses") == FINISHERS
    assert store.count("batch_outcomes") == 0
    told = [Counters(**event.data["counters"]) for event in store.events(batch)[-FINISHERS:]]
    assert [(one.successful, one.running) for one in told] == [(n, FINISHERS + 1 - n) for n in range(1, FINISHERS + 1)]
    assert_consistent(store, batch)


def test_many_finishers_of_one_batch_share_commits_and_leave_a_gapless_history(store: Store) -> None:
    batch = store.submit(200)
    running = start_all(store, batch)
    with ThreadPoolExecutor(FINISHERS) as pool:
        finished = list(pool.map(store.finish, running))
    assert all(one.item.status == "COMPLETED" for one in finished)
    assert store.batch(batch).status == "COMPLETED"
    assert commits(store, batch) < len(running)
    assert_consistent(store, batch)


def test_outcomes_of_every_kind_are_applied_together_each_in_its_own_way(store: Store) -> None:
    batch = store.submit(4)
    running = start_all(store, batch)
    store.take(queue.REPORT_QUEUE)
    for attempt, outcome in zip(running[:3], (REFUSED, BROKEN, STOPPED), strict=True):
        hand_in(store, attempt, outcome)
    store.finish(running[3])
    assert [item.status for item in store.items(batch)] == ["FAILED", "RETRYING", "CANCELLED", "COMPLETED"]
    assert commits(store, batch) == 1
    assert store.rows("SELECT message_id, due_at FROM kombu_message") == [
        (str(queue.report_message_id(batch.task_id, 1, 1)), store.item(batch, 1).next_attempt_at)
    ]
    assert_consistent(store, batch)


def test_what_is_handed_in_is_shown_to_nobody_before_it_is_applied(store: Store) -> None:
    batch = store.submit(1)
    attempt = store.start(batch)
    before = store.batch(batch)
    hand_in(store, attempt)
    assert store.batch(batch) == before
    assert store.item(batch).status == "PROCESSING"
    assert store.count("report_analyses") == 0


def test_another_finisher_applies_what_a_killed_one_handed_in(store: Store) -> None:
    batch = store.submit(2)
    killed, other = start_all(store, batch)
    hand_in(store, killed)
    assert store.finish(other).batch.status == "COMPLETED"
    assert_consistent(store, batch)


def test_a_finisher_killed_while_it_applies_leaves_all_of_it_to_the_next(store: Store) -> None:
    batch = store.submit(2)
    killed, other = start_all(store, batch)
    hand_in(store, killed)
    with store.engine.connect() as conn, conn.begin() as begun:
        assert outcomes.settle(conn, killed.key, store.queue).item.status == "COMPLETED"
        begun.rollback()
    assert store.item(batch).status == "PROCESSING"
    assert store.finish(other).batch.status == "COMPLETED"
    assert_consistent(store, batch)


def test_the_sweep_applies_what_nobody_else_does(store: Store) -> None:
    batch = store.submit(2)
    hand_in(store, store.start(batch))
    assert store.sweep().batches_settled == 0, "its finisher may be about to do it"
    store.rows("UPDATE batch_outcomes SET handed_in_at = handed_in_at - interval '1 minute'")
    assert store.sweep().batches_settled == 1
    assert store.item(batch).status == "COMPLETED"
    assert store.sweep().batches_settled == 0


def test_a_claim_applies_what_waits(store: Store) -> None:
    batch = store.submit(2)
    hand_in(store, store.start(batch))
    store.start(batch, 1)
    assert [item.status for item in store.items(batch)] == ["COMPLETED", "PROCESSING"]
    assert_consistent(store, batch)


def test_nobody_who_ends_attempts_overtakes_what_is_handed_in(store: Store) -> None:
    batch = store.submit(4)
    running = start_all(store, batch)
    broken = Failure("INTERNAL", "It broke.")
    enders: list[Callable[[Connection, Attempt], object]] = [
        lambda conn, attempt: attempts.end_lost(conn, attempt.key, store.queue),
        lambda conn, attempt: attempts.end_failed(conn, attempt.key, broken, store.queue),
        lambda conn, attempt: attempts.end_cancelled(conn, attempt.key),
    ]
    for ender, attempt in zip(enders, running[:3], strict=True):
        hand_in(store, attempt)
        assert store.do(ender, attempt) is None
    hand_in(store, running[3])
    store.rows("UPDATE batch_executions SET deadline_at = now() - interval '1 minute'")
    store.sweep()
    store.claim(batch, 3)
    assert store.batch(batch).status == "COMPLETED"
    assert_consistent(store, batch)


def test_a_cancellation_comes_after_what_was_handed_in_before_it(store: Store) -> None:
    batch = store.submit(3)
    done, failing, _ = start_all(store, batch)
    hand_in(store, done)
    hand_in(store, failing, BROKEN)
    store.cancel(batch)
    assert [item.status for item in store.items(batch)] == ["COMPLETED", "CANCELLED", "PROCESSING"]
    assert_consistent(store, batch)


def test_the_last_outcome_is_applied_before_the_batch_is_retried(store: Store) -> None:
    batch = store.submit(2)
    store.run(batch, 0, REFUSED)
    hand_in(store, store.start(batch, 1))
    assert store.retry(batch).counters.successful == 1
    assert_consistent(store, batch)


def test_an_attempt_that_is_ended_while_its_outcome_is_handed_in_is_over(store: Store) -> None:
    batch = store.submit(2)
    attempt = store.start(batch)
    with ThreadPoolExecutor(1) as pool:
        with transaction(store.engine) as conn:
            assert attempts.end_cancelled(conn, attempt.key)
            finishing = pool.submit(store.finish, attempt)
            eventually(lambda: store.count("batch_outcomes") == 1, 10, "handing in")
        with pytest.raises(AttemptOver):
            finishing.result()
    assert store.item(batch).status == "CANCELLED"
    assert (store.count("batch_outcomes"), store.count("report_analyses")) == (0, 0)


def test_the_first_outcome_of_an_attempt_counts(store: Store) -> None:
    batch = store.submit(1)
    attempt = store.start(batch)
    hand_in(store, attempt, SUCCESS)
    hand_in(store, attempt, SUCCESS)
    assert store.finish(attempt, SUCCESS).item.status == "COMPLETED"
    assert store.count("report_analyses") == 1
    assert_consistent(store, batch)


def test_an_outcome_that_is_lost_with_a_crash_is_handed_in_again(store: Store) -> None:
    batch = store.submit(1)
    crashes = iter([True])

    def do(function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        result = store.do(function, *args, **kwargs)
        if function == outcomes.hand_in and next(crashes, False):
            store.rows("TRUNCATE batch_outcomes")
        return result

    assert outcomes.finish(do, store.start(batch).key, SUCCESS, store.queue).batch.status == "COMPLETED"
    assert next(crashes, None) is None


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (analysis(risk=Score(1.5, 0.5)), IntegrityError),
        (analysis(warnings=("a \0 character",)), DataError),
    ],
    ids=["score", "text"],
)
def test_what_cannot_be_stored_is_refused_alone(store: Store, broken: ReportAnalysis, error: type[Exception]) -> None:
    batch = store.submit(2)
    bad, good = start_all(store, batch)
    with pytest.raises(error):
        hand_in(store, bad, Outcome(analysis=broken))
    assert store.finish(good).item.status == "COMPLETED"


def test_finishers_claims_renewals_cancellation_and_retry_go_on_at_the_same_time(store: Store) -> None:
    """Whatever comes in between: nothing is lost, and nobody blocks anybody for good."""
    batch = store.submit(120)
    chosen = random.Random(4)
    plan = [chosen.choice([SUCCESS, SUCCESS, SUCCESS, REFUSED, BROKEN, STOPPED]) for _ in range(120)]

    def work(share: int) -> None:
        worker = uuid4()
        for position in range(share, 120, FINISHERS):
            messages = [uuid4()]
            delivery = Delivery(batch.batch_id, batch.task_id, position, messages[0], worker)
            attempt = store.do(attempts.claim, delivery, lease=LEASE, broker=store.queue).attempt
            store.do(renew_all)
            if attempt:
                store.finish(attempt, plan[position])

    def cancel() -> None:
        eventually(lambda: store.batch(batch).counters.successful >= 30, 30, "a good part of the batch")
        store.cancel(batch)

    with ThreadPoolExecutor(FINISHERS + 1) as pool:
        shares = [pool.submit(work, share) for share in range(FINISHERS)]
        pool.submit(cancel).result()
        for share in shares:
            share.result()
    assert store.batch(batch).status == "PARTIALLY_COMPLETED"
    assert_consistent(store, batch)
    again = store.retry(batch)
    retried = [item.position for item in store.items(again) if item.status == "PENDING"]
    with ThreadPoolExecutor(FINISHERS) as pool:
        list(pool.map(lambda position: store.run(again, position), retried))
    assert store.batch(batch).status == "COMPLETED"
    assert store.count("report_analyses") == 120
    assert_consistent(store, batch)


def renew_all(conn: Connection) -> None:
    """Renew whatever runs in one transaction: more rows than a worker would lock at once."""
    rows = conn.exec_driver_sql("SELECT lease_owner, message_id FROM batch_items WHERE status = 'PROCESSING'").all()
    owners: dict[UUID, list[UUID]] = {}
    for row in rows:
        owners.setdefault(row.lease_owner, []).append(row.message_id)
    for worker_id, message_ids in owners.items():
        attempts.renew(conn, worker_id, message_ids, lease=LEASE)


def test_batches_of_the_same_reports_are_finished_side_by_side(store: Store) -> None:
    report_ids = store.reports(30)
    both = [store.submit(report_ids), store.submit(report_ids[::-1])]
    running = [attempt for pair in zip(*[start_all(store, one) for one in both], strict=True) for attempt in pair]
    with ThreadPoolExecutor(FINISHERS) as pool:
        list(pool.map(store.finish, running))
    for batch in both:
        assert store.batch(batch).status == "COMPLETED"
        assert_consistent(store, batch)
