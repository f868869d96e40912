"""Waits between attempts grow, heed what the server asks for, and end with the time that a call may take."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest

from fna.reports import DeadlineExceededError, InvalidRequestError, LimitExceededError, ReportsError, UnavailableError
from fna.reports._attempts import Attempts
from fna.reports._backoff import Backoff
from fna.reports._interruptions import Interruptions
from fna.reports._watch import Watch
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest
from tests.unit.client_peer import BATCH_ID, heartbeat, message, snapshot


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def away(retry_delay: timedelta | None = None) -> UnavailableError:
    return UnavailableError("away", code=grpc.StatusCode.UNAVAILABLE, retry_delay=retry_delay)


def never_shorter() -> float:
    return 0.0


def watch(clock: Clock, *, reconnect_timeout: timedelta | None = None, within: timedelta | None = None) -> Watch:
    interruptions = Interruptions(
        timedelta(seconds=30), reconnect_timeout, within, backoff=Backoff(never_shorter), clock=clock
    )
    return Watch(WatchBatchRequest(batch_id=BATCH_ID), interruptions)


def test_waits_double_up_to_a_second() -> None:
    backoff = Backoff(never_shorter)
    assert [backoff.wait(None) for _ in range(6)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_waits_are_shortened_by_up_to_half() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.wait(None) for _ in range(3)] == pytest.approx([0.05, 0.1, 0.2])


def test_after_a_success_waits_start_again() -> None:
    backoff = Backoff(never_shorter)
    backoff.wait(None)
    backoff.reset()
    assert backoff.wait(None) == pytest.approx(0.1)


def test_a_wait_that_the_server_asks_for_is_never_cut_short() -> None:
    assert Backoff(lambda: 1.0).wait(timedelta(seconds=5)) == pytest.approx(5.05)


def test_attempts_end_with_the_timeout() -> None:
    clock = Clock()
    attempts = Attempts(timedelta(seconds=30), backoff=Backoff(never_shorter), clock=clock)
    attempts.wait_after(away())
    clock.now += 29.9
    assert attempts.remaining() == pytest.approx(0.1)
    with pytest.raises(UnavailableError):
        attempts.wait_after(away())


def test_a_wait_that_would_outlast_the_timeout_is_not_begun() -> None:
    attempts = Attempts(timedelta(seconds=30), clock=Clock())
    with pytest.raises(UnavailableError) as raised:
        attempts.wait_after(away(timedelta(seconds=60)))
    assert raised.value.retry_delay == timedelta(seconds=60)


def test_what_trying_again_does_not_help_is_raised_at_once() -> None:
    with pytest.raises(InvalidRequestError):
        Attempts(timedelta(seconds=30), clock=Clock()).wait_after(InvalidRequestError("wrong"))


def test_a_watch_without_a_reconnect_timeout_tries_for_ever() -> None:
    clock = Clock()
    decisions = watch(clock)
    decisions.take(message(snapshot(1)))
    for _ in range(100):
        clock.now += 3600
        decisions.wait_after(away())


def test_every_interruption_has_the_whole_reconnect_timeout() -> None:
    clock = Clock()
    decisions = watch(clock, reconnect_timeout=timedelta(seconds=10))
    for _ in range(5):
        decisions.take(message(heartbeat(1)))
        assert decisions.wait_after(away()) == pytest.approx(0.1)
        clock.now += 9
        decisions.wait_after(away())
    clock.now += 9
    with pytest.raises(UnavailableError):
        decisions.wait_after(away())


def test_a_watch_ends_with_the_time_that_it_may_take_though_the_server_comes_back_each_time() -> None:
    clock = Clock()
    decisions = watch(clock, within=timedelta(seconds=60))
    assert decisions.remaining() == pytest.approx(60)
    decisions.take(message(snapshot(1)))
    clock.now += 40
    decisions.wait_after(away())
    decisions.take(message(heartbeat(1)))
    clock.now += 40
    assert decisions.remaining() == 0
    with pytest.raises(DeadlineExceededError, match="within 60 s"):
        decisions.wait_after(away())


def test_a_cut_without_a_reason_is_believed_when_the_stream_brought_nothing_since_the_last() -> None:
    decisions = watch(Clock())
    decisions.take(message(snapshot(1)))
    decisions.wait_after(ReportsError("reset", code=grpc.StatusCode.INTERNAL))
    with pytest.raises(ReportsError, match="reset"):
        decisions.wait_after(ReportsError("reset", code=grpc.StatusCode.INTERNAL))


def test_the_word_of_the_server_is_not_taken_for_a_cut() -> None:
    decisions = watch(Clock())
    decisions.take(message(snapshot(1)))
    with pytest.raises(ReportsError):
        decisions.wait_after(ReportsError("bug", code=grpc.StatusCode.INTERNAL, reason="INTERNAL_ERROR"))


def test_a_server_without_room_for_the_watch_is_asked_again_when_it_says() -> None:
    full = LimitExceededError(
        "too many watchers", code=grpc.StatusCode.RESOURCE_EXHAUSTED, retry_delay=timedelta(seconds=1)
    )
    decisions = watch(Clock())
    with pytest.raises(LimitExceededError):
        decisions.wait_after(full)
    decisions.take(message(snapshot(1)))
    assert decisions.wait_after(full) >= 1
    assert decisions.wait_after(full) >= 1


def test_compaction_ends_a_watch_that_had_no_position() -> None:
    decisions = watch(Clock())
    with pytest.raises(ReportsError):
        decisions.wait_after(ReportsError("gone", code=grpc.StatusCode.OUT_OF_RANGE, reason="SEQUENCE_COMPACTED"))


def test_silence_is_three_heartbeat_intervals() -> None:
    request = WatchBatchRequest(batch_id=BATCH_ID)
    assert Watch(request, Interruptions(timedelta(1), None)).silence_limit_seconds == 45
    request.heartbeat_interval.FromTimedelta(timedelta(seconds=2))
    assert Watch(request, Interruptions(timedelta(1), None)).silence_limit_seconds == 6


def test_the_request_of_the_caller_is_left_as_it_is() -> None:
    request = WatchBatchRequest(batch_id=BATCH_ID)
    decisions = Watch(request, Interruptions(timedelta(1), None))
    decisions.take(message(snapshot(5)))
    assert decisions.request().after_sequence == 5
    assert request == WatchBatchRequest(batch_id=BATCH_ID)
