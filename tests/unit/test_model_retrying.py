"""Repeating a request: only what may pass, as the endpoint asks, and never past the deadline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reports_worker.model import refusals
from reports_worker.model.errors import MayPass, ModelError, OutOfTime, Overloaded, Refused
from reports_worker.model.retrying import Retrying

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Requests:
    """Fails as told, then succeeds; knows how long each request might take."""

    def __init__(self, clock: Clock, *errors: ModelError, duration: float = 0) -> None:
        self.seconds: list[float] = []
        self._clock = clock
        self._errors = list(errors)
        self._duration = duration

    async def __call__(self, seconds: float) -> str:
        self.seconds.append(seconds)
        self._clock.now += self._duration
        if self._errors:
            raise self._errors.pop(0)
        return "answer"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def retrying(clock: Clock) -> Retrying:
    return Retrying(retries=3, timeout_seconds=30, clock=clock, sleep=clock.sleep, jitter=lambda: 0.0)


async def test_waits_double_where_the_endpoint_names_none(clock: Clock, retrying: Retrying) -> None:
    requests = Requests(clock, *(MayPass("busy") for _ in range(3)))
    assert await retrying.run(requests, 200) == "answer"
    assert clock.waits == [0.5, 1.0, 2.0]


async def test_workers_that_failed_together_do_not_come_again_together(clock: Clock) -> None:
    retrying = Retrying(5, 30, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5)
    await retrying.run(Requests(clock, *(MayPass("busy") for _ in range(5))), 200)
    assert clock.waits == [0.375, 0.75, 1.5, 3.0, 6.0]


async def test_the_endpoint_decides_about_the_wait(clock: Clock, retrying: Retrying) -> None:
    requests = Requests(clock, MayPass("busy", 7.5), MayPass("busy", 0.0))
    assert await retrying.run(requests, 200) == "answer"
    assert clock.waits == [7.5, 0.0]


async def test_a_request_is_repeated_as_often_as_allowed(clock: Clock, retrying: Retrying) -> None:
    requests = Requests(clock, *(Overloaded(f"busy {number}") for number in range(9)))
    with pytest.raises(Overloaded, match="busy 3"):
        await retrying.run(requests, 200)
    assert len(requests.seconds) == 4


async def test_what_will_not_pass_is_not_repeated(clock: Clock, retrying: Retrying) -> None:
    requests = Requests(clock, Refused("no"))
    with pytest.raises(Refused):
        await retrying.run(requests, 200)
    assert (len(requests.seconds), clock.waits) == (1, [])


async def test_a_wait_beyond_the_deadline_is_not_begun(clock: Clock, retrying: Retrying) -> None:
    requests = Requests(clock, MayPass("busy", 3600))
    with pytest.raises(MayPass, match="busy"):
        await retrying.run(requests, 145)
    assert clock.waits == []


async def test_no_request_may_last_beyond_the_deadline(clock: Clock, retrying: Retrying) -> None:
    requests = Requests(clock, MayPass("slow", 1), duration=20)
    assert await retrying.run(requests, 145) == "answer"
    assert requests.seconds == [30, 24]


async def test_a_request_whose_time_is_over_is_not_sent(clock: Clock, retrying: Retrying) -> None:
    requests = Requests(clock)
    with pytest.raises(OutOfTime, match="FNA_REPORTS_MODEL_DEADLINE_SECONDS"):
        await retrying.run(requests, 100)
    assert requests.seconds == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 1.5 ", 1.5),
        ("0", 0),
        ("Wed, 04 Mar 2026 05:06:37 GMT", 30),
        ("Wed, 04 Mar 2026 05:06:37", 30),
        ("Wed, 04 Mar 2026 06:06:37 +0100", 30),
        ("Tue, 03 Mar 2026 05:06:37 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("9" * 5000, None),
        ("Wed, 99 Mar 2026 05:06:37 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert refusals.retry_after({"retry-after": value}, NOW) == seconds
