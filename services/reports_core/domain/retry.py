"""Whether and when an item gets another attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MAX_FAILURES = 3
"""Failed attempts after which an item fails for good."""

MAX_LOST_WORKERS = 3
"""Attempts that lost their worker after which an item fails for good: such a report must not circle for ever."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt ended without a result.

    `reason` is stable upper-snake-case text for programs, `message` is for people and names the remedy.
    """

    reason: str
    message: str
    retryable: bool = False


WORKER_LOST = Failure(
    "WORKER_LOST",
    "The worker process ended while it analysed this report. If it happens again, the document is likely to exhaust "
    "the worker's memory: look at the worker's log and submit a smaller document.",
    retryable=True,
)
DEADLINE_EXCEEDED = Failure(
    "DEADLINE_EXCEEDED",
    "The batch's execution_timeout ended before the analysis did. Retry the batch, or submit it with a longer "
    "execution_timeout.",
)


def timed_out(limit_seconds: float, *, retryable: bool = False) -> Failure:
    """Return the failure of an attempt that reached the time limit; whether that is tried again is the operator's."""
    return Failure(
        "TIMED_OUT",
        f"The analysis took longer than the worker's time limit of {limit_seconds:g} s. Submit a smaller document, or "
        "have the operator raise FNA_REPORTS_REPORT_SOFT_LIMIT_SECONDS and retry the batch.",
        retryable,
    )


def delay_after_failure(failure: Failure, failures: int) -> timedelta | None:
    """Return how long to wait for the next attempt after `failures` failed ones, None for no further attempt."""
    if not failure.retryable or failures >= MAX_FAILURES:
        return None
    return timedelta(seconds=5 * 4 ** (failures - 1))


def delay_after_lost_worker(lost_workers: int) -> timedelta | None:
    """Return how long to wait after the `lost_workers`-th attempt that lost its worker, None for no further attempt."""
    return None if lost_workers >= MAX_LOST_WORKERS else timedelta(0)
