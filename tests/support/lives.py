"""Batches, and whatever may happen to them in whatever order: deeds of callers, workers, brokers and crashes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import Connection

from fna.reports.v1.batch_pb2 import BATCH_ITEM_STATUS_COMPLETED, BATCH_ITEM_STATUS_PROCESSING, BatchItemChanged
from reports_core.domain.batch import ItemStatus
from reports_core.domain.errors import BatchAlreadyFinal, BatchNotFinal, NothingToRetry, ReportNotInBatch
from reports_core.domain.retry import timed_out
from reports_core.storage import attempts, batches, dispatch, events, outcomes, progress, queue
from reports_core.storage.attempts import Attempt, Delivery
from reports_core.storage.batches import NewBatch
from reports_core.storage.endings import AttemptKey, Ended
from reports_core.storage.outcomes import AttemptOver, Outcome
from reports_core.storage.records import Batch
from reports_core.storage.transactions import transaction
from tests.support.finality import Journal
from tests.support.storage import BROKEN, LEASE, OWNER, REFUSED, STOPPED, SUCCESS, Store

LABEL = "example"
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt that a worker has been given, and the message that it was given for."""

    attempt: Attempt
    message_id: UUID


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An attempt whose worker was told that its outcome counts."""

    batch_id: UUID
    position: int
    attempt: int
    successful: bool


@dataclass(frozen=True, slots=True)
class OpenSubmission:
    """A batch that nobody sees before the transaction is committed."""

    transactions: ExitStack
    conn: Connection
    batch: Batch


class Lives:
    """The batches of one label, and all attempts at their items that were ever begun, those given up for dead too."""

    def __init__(self, store: Store, label: str) -> None:
        self.store = store
        self.label = label
        self.batches: list[Batch] = []
        self.acknowledged: list[Acknowledged] = []
        self._held: list[Held] = []
        self._open: OpenSubmission | None = None

    def dispatch(self, batch: Batch, which: int) -> None:
        """Deliver the message of the execution."""
        task_id = self.store.batch(batch).task_id
        self.store.do(dispatch.dispatch_execution, task_id, self.store.queue)
        self.store.take(queue.BATCH_QUEUE, [task_id])

    def start(self, batch: Batch, which: int) -> None:
        """Deliver the message of an item that waits, if there is one, when it is due."""
        if waiting := self._waiting(batch):
            now, position = self.store.batch(batch), waiting[which % len(waiting)]
            self.store.rows(
                "UPDATE batch_items SET next_attempt_at = now()"
                " WHERE batch_id = :batch_id AND position = :position AND status = 'RETRYING'",
                batch_id=batch.batch_id,
                position=position,
            )
            self._claim(now, position, self._message_id(now, position))

    def start_by_another_message(self, batch: Batch, which: int) -> None:
        """Deliver a message that was put twice."""
        self._claim(self.store.batch(batch), which % batch.counters.total_reports, uuid4())

    def start_by_a_message_of_the_past(self, batch: Batch, which: int) -> None:
        """Deliver a message of the first execution, which may be over for long."""
        self._claim(batch, which % batch.counters.total_reports, uuid4())

    def redeliver(self, batch: Batch, which: int) -> None:
        """Deliver the message of an attempt again, as its worker is gone; though it may come back."""
        if held := self._chosen(batch, which):
            self._claim(batch, held.attempt.key.position, held.message_id, task_id=held.attempt.task_id, again=True)

    def succeed(self, batch: Batch, which: int) -> None:
        self._finish(batch, which, SUCCESS)

    def refuse(self, batch: Batch, which: int) -> None:
        self._finish(batch, which, REFUSED)

    def fail(self, batch: Batch, which: int) -> None:
        self._finish(batch, which, BROKEN)

    def stop(self, batch: Batch, which: int) -> None:
        self._finish(batch, which, STOPPED)

    def hand_in_and_die(self, batch: Batch, which: int) -> None:
        """Leave an outcome behind that its finisher does not see applied."""
        if held := self._chosen(batch, which):
            with suppress(AttemptOver):
                self.store.do(outcomes.hand_in, held.attempt.key, (SUCCESS, REFUSED, BROKEN, STOPPED)[which % 4])

    def lose_outcomes(self, batch: Batch, which: int) -> None:
        """Lose what was handed in and not applied, as a crash of PostgreSQL does, which undoes what is under way."""
        self.store.rows(
            "WITH nobody AS MATERIALIZED (SELECT batch_id FROM batches WHERE batch_id = :batch_id FOR UPDATE)"
            " DELETE FROM batch_outcomes USING nobody WHERE batch_outcomes.batch_id = nobody.batch_id",
            batch_id=batch.batch_id,
        )

    def kill(self, batch: Batch, which: int) -> None:
        """Have its worker's parent end an attempt that takes too long."""
        if held := self._chosen(batch, which):
            failure = timed_out(60, retryable=which % 2 == 0)
            _require_own(held, self.store.do(attempts.end_failed, held.attempt.key, failure, self.store.queue))

    def end_cancelled(self, batch: Batch, which: int) -> None:
        """Have its worker's parent end an attempt that was revoked."""
        if held := self._chosen(batch, which):
            _require_own(held, self.store.do(attempts.end_cancelled, held.attempt.key))

    def lose_worker(self, batch: Batch, which: int) -> None:
        """Let the lease of an item end."""
        self.store.rows(
            "UPDATE batch_items SET lease_expires_at = now() - interval '1 second'"
            " WHERE batch_id = :batch_id AND position = :position AND status = 'PROCESSING'",
            batch_id=batch.batch_id,
            position=which % batch.counters.total_reports,
        )

    def renew(self, batch: Batch, which: int) -> None:
        """Renew the lease of every attempt at the batch."""
        running = self.store.rows(
            "SELECT lease_owner, message_id FROM batch_items WHERE batch_id = :batch_id AND status = 'PROCESSING'",
            batch_id=batch.batch_id,
        )
        for worker_id, message_id in running:
            self.store.do(attempts.renew, worker_id, [message_id], lease=LEASE)

    def tell_progress(self, batch: Batch, which: int) -> None:
        if held := self._chosen(batch, which):
            self.store.do(progress.record, held.attempt, "SENTIMENT_ANALYSIS", which / 10)

    def cancel(self, batch: Batch, which: int) -> None:
        with suppress(BatchAlreadyFinal):
            self.store.cancel(batch)

    def retry(self, batch: Batch, which: int) -> None:
        """Retry all that did not succeed."""
        with suppress(BatchNotFinal, NothingToRetry):
            self.store.retry(batch)

    def retry_one(self, batch: Batch, which: int) -> None:
        """Retry one item that did not succeed."""
        lost = [item for item in self.store.items(batch) if item.status in {ItemStatus.FAILED, ItemStatus.CANCELLED}]
        if lost:
            with suppress(BatchNotFinal, NothingToRetry, ReportNotInBatch):
                self.store.retry(batch, report_ids=[str(lost[which % len(lost)].report_id)])

    def sweep(self, batch: Batch, which: int) -> None:
        """Sweep everything, unless somebody else does so right now."""
        self.store.sweeper().sweep()

    def lose_message(self, batch: Batch, which: int) -> None:
        """Lose the message of an item."""
        now = self.store.batch(batch)
        self._acknowledge(self._message_id(now, which % batch.counters.total_reports))

    DEEDS: ClassVar[dict[str, Callable[[Lives, Batch, int], None]]] = {
        deed.__name__: deed
        for deed in (
            dispatch,
            start,
            start_by_another_message,
            start_by_a_message_of_the_past,
            redeliver,
            succeed,
            refuse,
            fail,
            stop,
            hand_in_and_die,
            lose_outcomes,
            kill,
            end_cancelled,
            lose_worker,
            renew,
            tell_progress,
            cancel,
            retry,
            retry_one,
            sweep,
            lose_message,
        )
    }
    """What may happen to a batch at any moment, also at once; the number chooses the item or the attempt."""

    def hand_in_unseen(self, batch: Batch, which: int) -> None:
        """Hand an outcome in while somebody ends its attempt who has looked for outcomes already."""
        held = self._chosen(batch, which)
        # One that waits would be waited for, and only the thread that holds its lock could let it go.
        if held is None or self.store.count("batch_outcomes", "batch_id = :batch_id", batch_id=batch.batch_id):
            return
        with transaction(self.store.engine) as conn:
            attempts.end_cancelled(conn, held.attempt.key)
            with suppress(AttemptOver):
                self.store.do(outcomes.hand_in, held.attempt.key, SUCCESS)

    def pass_time(self, interval: str) -> None:
        """Move all that happened into the past."""
        for batch in self.batches:
            self.store.pass_time(batch, interval)
        for table, column in (("batches", "cancel_requested_at"), ("batch_outcomes", "handed_in_at")):
            self.store.rows(
                f"UPDATE {table} SET {column} = {column} - CAST(:interval AS interval)",  # noqa: S608 - our own names
                interval=interval,
            )

    def batch(self, which: int) -> Batch:
        """Return one of the batches as it was submitted."""
        return self.batches[which % len(self.batches)]

    def submit(self, size: int, *, like: int | None, timeout: bool) -> None:
        """Submit a batch and dispatch it."""
        batch = self.store.do(batches.submit, self.new_batch(size, like=like, timeout=timeout), self.store.queue)
        self.batches.append(batch)

    @property
    def submitting(self) -> bool:
        """Tell whether a submission is open."""
        return self._open is not None

    def begin_submission(self, size: int) -> None:
        """Submit a batch without a commit, so that a transaction stays open while others come and go."""
        transactions = ExitStack()
        conn = transactions.enter_context(transaction(self.store.engine))
        batch = batches.submit(conn, self.new_batch(size, like=None, timeout=False), self.store.queue)
        self._open = OpenSubmission(transactions, conn, batch)

    def end_submission(self, *, commit: bool) -> None:
        """Commit the submission that is open, if there is one, or undo it."""
        submission, self._open = self._open, None
        if submission is None:
            return
        if not commit:
            submission.conn.rollback()
        submission.transactions.close()
        if commit:
            self.batches.append(submission.batch)

    def new_batch(self, size: int, *, like: int | None, timeout: bool) -> NewBatch:
        """Return a batch to submit: of new reports, or of those of an earlier batch the other way round."""
        labels = {LABEL: self.label}
        execution_timeout = timedelta(minutes=1) if timeout else None
        if like is None or not self.batches:
            return NewBatch(OWNER, self.store.reports(size), labels=labels, execution_timeout=execution_timeout)
        report_ids = [str(item.report_id) for item in self.store.items(self.batch(like))]
        return NewBatch(OWNER, report_ids[::-1], labels=labels, execution_timeout=execution_timeout)

    def announce(self) -> None:
        """Tell the servers of all batches."""
        self.store.do(events.notify, [batch.batch_id for batch in self.batches])

    def require_acknowledged(self, journal: Journal) -> None:
        """Require that each attempt began once and ended at most once, and so as its worker was told."""
        for batch in self.batches:
            told = [event.item_changed for event in journal.of(batch.batch_id) if event.HasField("item_changed")]
            begun = [_attempt(change) for change in told if change.item.status == BATCH_ITEM_STATUS_PROCESSING]
            ends = [change for change in told if change.previous_status == BATCH_ITEM_STATUS_PROCESSING]
            ended = {_attempt(change): change.item.status for change in ends}
            assert len(set(begun)) == len(begun)
            assert len(ended) == len(ends)
            assert ended.keys() <= set(begun)
            for claim in self.acknowledged:
                if claim.batch_id == batch.batch_id:
                    succeeded = ended[claim.position, claim.attempt] == BATCH_ITEM_STATUS_COMPLETED
                    assert succeeded == claim.successful, claim

    def work_off(self) -> None:
        """Do what time, sweepers and workers do when nothing goes wrong any more, until every batch is over."""
        for _ in range(_ROUNDS):
            self.pass_time("10 minutes")
            self.store.sweeper().sweep()
            waiting = [(batch, position) for batch in self.batches for position in self._waiting(batch)]
            if not waiting:
                return
            for batch, position in waiting:
                self.dispatch(batch, position)
                self._work_off(self.store.batch(batch), position)
        raise AssertionError(f"items wait for ever: {waiting}")

    def _work_off(self, batch: Batch, position: int) -> None:
        """Process an item if a message for it is in the queue."""
        running = "SELECT message_id FROM batch_items WHERE batch_id = :batch_id AND position = :position"
        message_ids = {
            self._message_id(batch, position),
            self.store.value(running, batch_id=batch.batch_id, position=position),
        }
        if self.store.take(queue.REPORT_QUEUE, message_ids - {None}):
            self.store.run(batch, position)

    def _waiting(self, batch: Batch) -> list[int]:
        return [item.position for item in self.store.items(batch) if item.status.waiting]

    def _claim(
        self, batch: Batch, position: int, message_id: UUID, *, task_id: UUID | None = None, again: bool = False
    ) -> None:
        delivery = Delivery(batch.batch_id, task_id or batch.task_id, position, message_id, uuid4(), again)
        claim = self.store.do(attempts.claim, delivery, lease=LEASE, broker=self.store.queue)
        if claim.attempt:
            assert claim.attempt.task_id == delivery.task_id, "a message began an attempt of another execution"
            self._held.append(Held(claim.attempt, message_id))

    def _finish(self, batch: Batch, which: int, outcome: Outcome) -> None:
        held = self._chosen(batch, which)
        if held is None:
            return
        key = held.attempt.key
        with suppress(AttemptOver):
            self.store.finish(held.attempt, outcome)
            self.acknowledged.append(Acknowledged(key.batch_id, key.position, key.attempt, outcome is SUCCESS))
        self._acknowledge(held.message_id)

    def _chosen(self, batch: Batch, which: int) -> Held | None:
        """Return an attempt at an item of the batch, the newer the likelier: one that runs, or one that is over."""
        running = {
            AttemptKey(batch.batch_id, item.position, item.attempt)
            for item in self.store.items(batch)
            if item.status is ItemStatus.PROCESSING
        }
        known = [held for held in self._held if held.attempt.key.batch_id == batch.batch_id]
        alive = [held for held in known if held.attempt.key in running]
        over = [held for held in known if held.attempt.key not in running]
        candidates = (alive or over) if which % 3 else (over or alive)
        return candidates[-1 - which // 3 % len(candidates)] if candidates else None

    def _message_id(self, batch: Batch, position: int) -> UUID:
        """Return the id of the newest message that was put for an item."""
        dispatch: Any = self.store.value(
            "SELECT dispatch_count FROM batch_items WHERE batch_id = :batch_id AND position = :position",
            batch_id=batch.batch_id,
            position=position,
        )
        return queue.report_message_id(batch.task_id, position, dispatch)

    def _acknowledge(self, message_id: UUID) -> int:
        return self.store.take(queue.REPORT_QUEUE, [message_id])


def _attempt(change: BatchItemChanged) -> tuple[int, int]:
    return change.item.position, change.item.attempt_count


def _require_own(held: Held, ended: Ended | None) -> None:
    """Require that nothing ended, or the attempt that was meant."""
    assert ended is None or ended.item.attempt == held.attempt.key.attempt
