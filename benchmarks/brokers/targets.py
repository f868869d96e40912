"""The ratios that our broker is to reach against the others in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from benchmarks.brokers.candidates import OURS, RABBITMQ, REDIS, SQLALCHEMY

# By broker, then by the name of the figure.
Figures = Mapping[str, Mapping[str, float]]


class Verdict(Enum):
    """What became of a target."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Target:
    """Our figure divided by another broker's is to be at least, or with `at_most` at most, the limit."""

    description: str
    figure: str
    other: str
    limit: float
    at_most: bool = False
    # Of the other broker, where it is another one than ours.
    other_figure: str = ""

    def ratio(self, figures: Figures) -> float | None:
        """Return ours / other, None when one of them was not measured."""
        ours = figures.get(OURS, {}).get(self.figure)
        other = figures.get(self.other, {}).get(self.other_figure or self.figure)
        return None if ours is None or not other else ours / other

    def verdict(self, figures: Figures) -> Verdict:
        ratio = self.ratio(figures)
        if ratio is None:
            return Verdict.NOT_MEASURED
        return Verdict.MET if (ratio <= self.limit if self.at_most else ratio >= self.limit) else Verdict.MISSED


TARGETS = (
    Target("tasks of 50 ms, against RabbitMQ", "tasks_50_ms", RABBITMQ, 0.97),
    Target("tasks of 50 ms, against sqla", "tasks_50_ms", SQLALCHEMY, 15),
    Target("pick-up p50, against Redis", "pick_up_p50_ms", REDIS, 1, at_most=True),
    Target("pick-up p99, against Redis", "pick_up_p99_ms", REDIS, 2, at_most=True),
    Target("pick-up p50, against sqla", "pick_up_p50_ms", SQLALCHEMY, 0.01, at_most=True),
    Target("pick-up p99, against sqla", "pick_up_p99_ms", SQLALCHEMY, 0.01, at_most=True),
    Target("drain, late acks and prefetch 1, against Redis", "drain_late", REDIS, 1),
    Target("publishing one at a time, against Redis", "publish", REDIS, 0.5),
    Target("publishing in bulk, against Redis one at a time", "publish_in_bulk", REDIS, 10, other_figure="publish"),
    Target("drain with results, against Redis", "drain_with_results", REDIS, 0.8),
)
# What else we aim at, beyond the targets.
AIMS = (Target("drain, late acks and prefetch 1, against RabbitMQ", "drain_late", RABBITMQ, 1),)
