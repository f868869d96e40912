"""How much is measured, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of all scenarios; times are seconds."""

    watchers: int = 1_000
    rounds: int = 3
    """Of latency: how often each server is measured, in turn."""
    warm_up_seconds: float = 3.0
    latency_seconds: float = 10.0
    """Of each round."""
    rate_seconds: float = 20.0
    idle_watchers: int = 10_000
    idle_batches: int = 100
    idle_seconds: float = 45.0
    heartbeat_seconds: int = 15
    completion_rounds: int = 5
    pairs: int = 5
    submission_seconds: float = 5.0
    """Of each half of a pair."""
    submission_rounds: int = 15
    stalled_events: int = 10_000
    stalled_seconds: float = 60.0
    restarts_seconds: float = 60.0
    restart_watchers: int = 100


FULL = Plan()

QUICK = Plan(
    watchers=100,
    rounds=1,
    warm_up_seconds=1.0,
    latency_seconds=4.0,
    rate_seconds=4.0,
    idle_watchers=500,
    idle_batches=10,
    idle_seconds=7.0,
    heartbeat_seconds=2,
    completion_rounds=1,
    pairs=1,
    submission_seconds=2.0,
    submission_rounds=2,
    stalled_events=500,
    stalled_seconds=5.0,
    restarts_seconds=10.0,
    restart_watchers=20,
)
"""Shows that everything works; its figures say little."""
