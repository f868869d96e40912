"""The tasks: dispatch a batch, process a report, deliver a webhook."""

from __future__ import annotations

import logging
import time
from uuid import UUID

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded

from reports_core.domain.retry import Failure, timed_out
from reports_core.storage import attempts, dispatch, events, outcomes, webhooks
from reports_core.storage.attempts import Attempt, Claim, Delivery
from reports_core.storage.outcomes import AttemptOver, Finished, Outcome
from reports_core.storage.queue import DELIVER_WEBHOOK, PROCESS_BATCH, PROCESS_REPORT
from reports_worker import sending
from reports_worker.app import celery_app
from reports_worker.processing import process
from reports_worker.progress import ProgressReporter
from reports_worker.runtime import WORKER_ID, Runtime, runtime

logger = logging.getLogger(__name__)


@celery_app.task(name=PROCESS_BATCH, ignore_result=True)
def process_batch(batch_id: str, task_id: str) -> None:
    """Put one message per report of an execution into the queue; nothing when that was done before."""
    run = runtime()
    started = time.monotonic()
    dispatched = run.insist(dispatch.dispatch_execution, UUID(task_id), run.queue)
    if dispatched:
        seconds = time.monotonic() - started
        logger.info("batch %s started: %d reports dispatched in %.3f s", batch_id, dispatched, seconds)
    else:
        logger.info("batch %s: nothing to dispatch for task %s", batch_id, task_id)


@celery_app.task(name=PROCESS_REPORT, ignore_result=True, bind=True)
def process_report(self: Task, batch_id: str, task_id: str, position: int) -> None:
    """Claim the item, analyse its report, store the outcome; nothing when it is not the turn of this delivery."""
    run = runtime()
    redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
    delivery = Delivery(UUID(batch_id), UUID(task_id), position, UUID(self.request.id), WORKER_ID, redelivered)
    claim = run.insist(attempts.claim, delivery, lease=run.lease, broker=run.queue)
    # Also when it claims nothing: it may have applied the outcomes of others.
    run.insist(events.notify, [delivery.batch_id])
    _log_claim(delivery, claim)
    if claim.attempt:
        too_late = timed_out(self.soft_time_limit or 0, retryable=run.settings.retry_timed_out)
        _run(run, claim.attempt, too_late)


@celery_app.task(name=DELIVER_WEBHOOK, ignore_result=True, soft_time_limit=60, time_limit=90)
def deliver_webhook(delivery_id: str, attempt: int) -> None:
    """Send a webhook; nothing when this attempt is over, or the delivery is."""
    run = runtime()
    taken = run.insist(webhooks.take, UUID(delivery_id), attempt)
    if taken is None:
        logger.info("webhook %s: nothing to do for attempt %d", delivery_id, attempt)
        return
    answer = sending.send(taken, allow_private=run.settings.webhook_allow_private)
    decision = sending.decide(taken.delivery, answer)
    run.insist(webhooks.end, taken.delivery, answer.attempt, decision.status, decision.delay, run.queue)
    if answer.attempt.error:
        logger.warning(
            "webhook %s %s after attempt %d: %s", delivery_id, decision.status, attempt, answer.attempt.error
        )
    else:
        logger.info("webhook %s DELIVERED in %.3f s", delivery_id, answer.attempt.duration.total_seconds())


def _run(run: Runtime, attempt: Attempt, too_late: Failure) -> None:
    """Analyse the report of an attempt and store what becomes of it, `too_late` when the soft limit ends it."""
    logger.info("report %s started: item %d of batch %s", attempt.report_id, attempt.key.position, attempt.key.batch_id)
    started = time.monotonic()
    outcome = Outcome(failure=too_late)
    try:
        with ProgressReporter(run, attempt) as reporter:
            outcome = process(attempt, run.documents, run.analyser, run.reviewer, reporter.on_step)
        _finish(run, attempt, outcome, started)
    except SoftTimeLimitExceeded:
        # It comes once, perhaps after the analysis: what the attempt came to counts, and may be finished twice.
        _finish(run, attempt, outcome, started)


def _finish(run: Runtime, attempt: Attempt, outcome: Outcome, started: float) -> None:
    try:
        finished = outcomes.finish(run.insist, attempt.key, outcome, run.queue)
    except AttemptOver:
        logger.warning("report %s: the attempt was ended by somebody else, its outcome is dropped", attempt.report_id)
        return
    _log(attempt, finished, time.monotonic() - started)


def _log_claim(delivery: Delivery, claim: Claim) -> None:
    if claim.lost:
        item = claim.lost.item
        logger.error("report %s %s: %s", item.report_id, item.status, item.error_reason)
    if claim.held_until:
        logger.info("batch %s: item %d is put back until %s", delivery.batch_id, delivery.position, claim.held_until)
    elif claim.attempt is None:
        logger.info("batch %s: nothing to do for item %d", delivery.batch_id, delivery.position)


def _log(attempt: Attempt, finished: Finished, seconds: float) -> None:
    item, batch = finished.item, finished.batch
    if item.error_reason:
        logger.error(
            "report %s %s after %.3f s: %s: %s",
            attempt.report_id,
            item.status,
            seconds,
            item.error_reason,
            item.error_message,
        )
    else:
        logger.info("report %s %s in %.3f s", attempt.report_id, item.status, seconds)
    if finished.led and batch.status.final and batch.processed_at:
        logger.info(
            "batch %s %s in %.3f s: %d successful, %d failed, %d cancelled",
            batch.batch_id,
            batch.status,
            (batch.processed_at - (batch.started_at or batch.created_at)).total_seconds(),
            batch.counters.successful,
            batch.counters.failed,
            batch.counters.cancelled,
        )
