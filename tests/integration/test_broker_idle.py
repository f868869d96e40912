"""What a worker asks of the database: little without work, and little per message."""

from __future__ import annotations

from benchmarks.bloat import idle, load
from benchmarks.bloat.progress import Progress


def test_an_idle_worker_sends_less_than_one_statement_a_second() -> None:
    figures = {figure.name: figure.value for figure in idle.measure(10, Progress("idle"), settle_seconds=4)}
    assert 0 < figures["statements per second"] < 1


def test_a_busy_worker_acknowledges_and_claims_with_one_statement_or_for_many_messages_at_once() -> None:
    one_at_a_time, many_at_a_time = load.measure(1_000, Progress("load"))
    assert 0 < one_at_a_time.value <= 1
    assert 0 < many_at_a_time.value < 0.2
