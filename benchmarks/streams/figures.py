"""A measured value beside what it should be, and what the samples of streams come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.streams.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class Figure:
    """One value; `at_most` or `at_least` is its target, if it has one."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least


def latencies(deliveries: Iterable[Delivery], committed: Mapping[int, int]) -> list[float]:
    """Return the milliseconds from the commit of each event to each of its arrivals, of the events committed."""
    found: list[float] = []
    for delivery in deliveries:
        for sequence in range(delivery.first, delivery.last + 1):
            if (since := committed.get(sequence)) is not None:
                found.extend((arrival - since) / 1e6 for arrival in delivery.arrivals)
    return found


def event_bytes(deliveries: Iterable[Delivery]) -> float:
    """Return the mean size of an event, with its share of its message."""
    counted = [(delivery.size, delivery.last - delivery.first + 1) for delivery in deliveries]
    return sum(size for size, _ in counted) / sum(events for _, events in counted)


def lateness(silences: Iterable[int], waiting: Iterable[int], interval_seconds: float) -> list[float]:
    """Return by how many seconds each heartbeat came after it was due, in nanoseconds of silence before it.

    `waiting` is for how long each watcher had heard nothing at the end: a heartbeat that is due by then is late too.
    """
    late = [max(0.0, silence / 1e9 - interval_seconds) for silence in silences]
    return late + [overdue for wait in waiting if (overdue := wait / 1e9 - interval_seconds) > 0]
