"""Which attempt a request of a worker runs, when its message was given to an earlier request before."""

from __future__ import annotations

from uuid import UUID

from reports_core.storage.endings import AttemptKey
from reports_worker.termination import RequestAttempts

FIRST, SECOND = (AttemptKey(UUID(int=1), 5, attempt) for attempt in (1, 2))


class Request:
    """A request, which is the same as no other one."""


def test_a_request_has_the_attempt_that_it_was_first_seen_with() -> None:
    attempts, request = RequestAttempts(60), Request()
    assert attempts.of(request, None, 0) is None
    assert attempts.of(request, FIRST, 1) == FIRST
    assert attempts.of(request, SECOND, 2) == FIRST
    assert attempts.of(request, None, 3) == FIRST


def test_a_message_that_came_back_does_not_have_the_attempt_of_a_request_that_is_gone() -> None:
    attempts = RequestAttempts(60)
    assert attempts.of(Request(), FIRST, 0) == FIRST
    # The first request is gone, and its attempt is not ended before the second one claims the item.
    later = Request()
    assert attempts.of(later, FIRST, 1) is None
    assert attempts.of(later, SECOND, 2) == SECOND


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    attempts = RequestAttempts(60)
    attempts.of(Request(), FIRST, 0)
    attempts.forget(59)
    assert attempts.of(Request(), FIRST, 59) is None
    attempts.forget(60)
    assert attempts.of(Request(), FIRST, 60) == FIRST
