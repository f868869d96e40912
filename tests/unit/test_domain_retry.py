"""Whether an attempt is followed by another one, and after how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reports_core.domain.retry import (
    DEADLINE_EXCEEDED,
    WORKER_LOST,
    Failure,
    delay_after_failure,
    delay_after_lost_worker,
    timed_out,
)

TRANSIENT = Failure("INTERNAL", "The analysis failed unexpectedly.", retryable=True)
PERMANENT = Failure("UNSUPPORTED_FORMAT", "This is an image.")


@pytest.mark.parametrize(("failures", "seconds"), [(1, 5), (2, 20), (3, None), (4, None)])
def test_a_failure_that_may_pass_is_retried_twice_and_ever_later(failures: int, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert delay_after_failure(TRANSIENT, failures) == expected


@pytest.mark.parametrize("failure", [PERMANENT, timed_out(60), DEADLINE_EXCEEDED], ids=lambda failure: failure.reason)
def test_a_failure_that_would_come_again_is_not_retried(failure: Failure) -> None:
    assert delay_after_failure(failure, 1) is None


@pytest.mark.parametrize(("lost", "delay"), [(1, timedelta(0)), (2, timedelta(0)), (3, None), (4, None)])
def test_the_third_lost_worker_is_the_last(lost: int, delay: timedelta | None) -> None:
    assert delay_after_lost_worker(lost) == delay


@pytest.mark.parametrize("failure", [WORKER_LOST, timed_out(60), DEADLINE_EXCEEDED], ids=lambda failure: failure.reason)
def test_a_failure_of_the_system_names_its_remedy(failure: Failure) -> None:
    assert "ubmit" in failure.message


def test_a_report_that_took_too_long_is_retried_if_the_operator_wants_that_and_names_the_limit() -> None:
    failure = timed_out(90, retryable=True)
    assert delay_after_failure(failure, 2) is not None
    assert delay_after_failure(failure, 3) is None
    assert "90 s" in failure.message
