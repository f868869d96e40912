"""The tasks: dispatch a batch, process a report."""

from __future__ import annotations

import logging
import time
from uuid import UUID

from celery import Task

from reports_core.storage import attempts, dispatch, events, results
from reports_core.storage.attempts import Attempt, AttemptOver, Claim, Delivery, Ended
from reports_core.storage.queue import PROCESS_BATCH, PROCESS_REPORT
from reports_worker.app import celery_app
from reports_worker.processing import OnStep, Stopped, process
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
    if claim.attempt or claim.lost:
        run.insist(events.notify, [delivery.batch_id])
    _log_claim(delivery, claim)
    if claim.attempt:
        _run(run, claim.attempt)


def _run(run: Runtime, attempt: Attempt) -> None:
    """Analyse the report of an attempt and store what becomes of it."""
    logger.info("report %s started: item %d of batch %s", attempt.report_id, attempt.key.position, attempt.key.batch_id)
    started = time.monotonic()
    outcome = process(attempt, run.documents, run.settings.processor, _progress(run, attempt))
    try:
        ended = run.insist(attempts.finish, attempt, outcome, run.queue)
    except AttemptOver:
        logger.warning("report %s: the attempt was ended by somebody else, its outcome is dropped", attempt.report_id)
        return
    run.insist(events.notify, [attempt.key.batch_id])
    run.insist(results.refresh, ended.batch)
    _log(attempt, ended, time.monotonic() - started)


def _progress(run: Runtime, attempt: Attempt) -> OnStep:
    def on_step(step: str, fraction: float) -> None:
        if not run.insist(attempts.record_step, attempt.key, step, fraction):
            raise Stopped
        progress = events.Progress(
            batch_id=str(attempt.key.batch_id),
            report_id=str(attempt.report_id),
            position=attempt.key.position,
            attempt=attempt.key.attempt,
            step=step,
            fraction=round(fraction, 3),
        )
        run.insist(events.notify_progress, progress)

    return on_step


def _log_claim(delivery: Delivery, claim: Claim) -> None:
    if claim.lost:
        item = claim.lost.item
        logger.error("report %s %s: %s", item.report_id, item.status, item.error_reason)
    if claim.held_until:
        logger.info("batch %s: item %d is put back until %s", delivery.batch_id, delivery.position, claim.held_until)
    elif claim.attempt is None:
        logger.info("batch %s: nothing to do for item %d", delivery.batch_id, delivery.position)


def _log(attempt: Attempt, ended: Ended, seconds: float) -> None:
    item, batch = ended.item, ended.batch
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
    if batch.status.final and batch.processed_at:
        logger.info(
            "batch %s %s in %.3f s: %d successful, %d failed, %d cancelled",
            batch.batch_id,
            batch.status,
            (batch.processed_at - (batch.started_at or batch.created_at)).total_seconds(),
            batch.counters.successful,
            batch.counters.failed,
            batch.counters.cancelled,
        )
