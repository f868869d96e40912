"""What the command says about an error, and what to do about it."""

from __future__ import annotations

from fna.reports.cli.settings import variable
from fna.reports.errors import AccessDeniedError, DeadlineExceededError, ReportsError, UnavailableError

_MOST_IDS = 5

_REMEDIES = {
    "ANALYSIS_NOT_FOUND": "Have it analysed: fna-reports submit REPORT_ID --watch",
    "ANALYSIS_NOT_READY": "It is being analysed: try again when its batch is over.",
    "BATCH_ALREADY_FINAL": "There is nothing left to cancel: fna-reports get BATCH_ID shows how it ended.",
    "BATCH_NOT_FINAL": "Wait until it is over: fna-reports watch BATCH_ID",
    "BATCH_NOT_FOUND": "fna-reports list shows the batches there are.",
    "ETAG_MISMATCH": "Somebody else was first: look at it again with fna-reports get BATCH_ID --json",
    "CONTENT_MISMATCH": "The file was damaged on the way: upload it again.",
    "NOTHING_TO_RETRY": "Every report of the batch succeeded.",
    "PREVIOUS_REPORT_NOT_FOUND": "Upload and submit an earlier report, or name one: fna-reports delta ID --base ID",
    "REPORT_NOT_FOUND": "Upload it first: fna-reports upload FILE",
    "REQUEST_ID_REUSED": "Choose another --request-id, or leave it out.",
    "SEQUENCE_AHEAD": "Leave out --after-sequence to start from the present.",
    "WEBHOOK_DELIVERY_NOT_FOUND": "fna-reports webhook deliveries BATCH_ID shows those there are.",
    "WEBHOOK_SECRET_MISSING": "Make one first: fna-reports webhook rotate-secret",
    "TASK_NOT_FOUND": "Leave out --task-id for the current execution.",
}


def explain(error: ReportsError, server: str) -> list[str]:
    """Return the lines that tell a person what is wrong, in which field, and what to do."""
    lines = [_headline(error, server)]
    lines += [f"  {violation}" for violation in error.violations()]
    lines += _unknown_reports(error)
    advice = advice_on(error)
    return [*lines, advice] if advice else lines


def _headline(error: ReportsError, server: str) -> str:
    message = error.message or error.code.name
    if isinstance(error, UnavailableError) and server not in message:
        return f"{server} is not available: {message}"
    return message


def _unknown_reports(error: ReportsError) -> list[str]:
    ids = [text.strip() for text in error.metadata.get("report_ids", "").split(",") if text.strip()]
    if not ids:
        return []
    more = int(error.metadata.get("unknown_count", len(ids))) - _MOST_IDS
    lines = [f"  unknown report: {report_id}" for report_id in ids[:_MOST_IDS]]
    return [*lines, f"  and {more} more"] if more > 0 else lines


def advice_on(error: ReportsError) -> str:
    """Return what a person can do about an error, nothing when it says so itself."""
    if error.reason in _REMEDIES:
        return _REMEDIES[error.reason]
    if isinstance(error, AccessDeniedError):
        return (
            f"Set {variable('token')} or {variable('api_key')}, or a profile; fna-reports profiles shows what is set."
        )
    if isinstance(error, UnavailableError):
        return f"Is the server running? Name another one with --server HOST:PORT or {variable('server')}."
    if isinstance(error, DeadlineExceededError):
        return "Allow more time with --timeout SECONDS."
    return ""
