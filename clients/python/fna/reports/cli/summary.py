"""Phrases about batches, their reports and their webhooks, for people."""

from __future__ import annotations

from collections.abc import Mapping

from google.rpc.status_pb2 import Status

from fna.reports._status import error_of_status
from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.names import bare_name
from fna.reports.errors import ReportsError
from fna.reports.v1.batch_pb2 import BatchCounters, BatchStatus
from fna.reports.v1.webhook_pb2 import WebhookAttempt

EVENTS_GONE = frozenset({"SEQUENCE_COMPACTED", "RESUME_TOKEN_EXPIRED"})
"""The reasons for which a watch starts again with snapshots."""


def counters_text(counters: BatchCounters) -> str:
    """Return `12 of 41: 10 successful, 2 failed, 0 cancelled, 4 running`."""
    processed = counters.successful + counters.failed + counters.cancelled
    return (
        f"{processed} of {counters.total_reports}: {counters.successful} successful, {counters.failed} failed, "
        f"{counters.cancelled} cancelled, {counters.running} running"
    )


def error_text(status: Status) -> str:
    """Return the reason and the message of an item's error."""
    error = error_of_status(status)
    return f"{error.reason or error.code.name}: {error.message}"


def interruption_text(error: ReportsError) -> str:
    """Return what to say while a stream that was cut is resumed."""
    if error.reason in EVENTS_GONE:
        return f"events were missed, starting again from the present: {error.message}"
    return f"connection lost, continuing: {error.message}"


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as they are written on the command line."""
    return " ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def answer_text(attempt: WebhookAttempt) -> str:
    """Return what came of an attempt to deliver a webhook."""
    status = f"HTTP {attempt.response_status}" if attempt.response_status else ""
    return ", ".join(text for text in (status, attempt.error) if text)


def end_lines(progress: BatchProgress) -> list[str]:
    """Return how a batch ended, and for one that did not wholly succeed what can be done."""
    status = bare_name(BatchStatus.DESCRIPTOR, progress.status)
    counters = progress.counters
    lines = [f"Batch {progress.batch_id} is {status}: {_outcome(counters)}."]
    if counters.failed:
        lines.append(f"Why: fna-reports items {progress.batch_id} --status FAILED")
    if counters.failed or counters.cancelled:
        lines.append(f"Once more: fna-reports retry {progress.batch_id} --watch")
    return lines


def _outcome(counters: BatchCounters) -> str:
    parts = [f"{counters.successful} of {counters.total_reports} reports analysed"]
    if counters.failed:
        parts.append(f"{counters.failed} failed")
    if counters.cancelled:
        parts.append(f"{counters.cancelled} cancelled")
    return ", ".join(parts)
