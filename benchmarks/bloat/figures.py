"""A measured value beside what it should be."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One value; `at_most` is its target, if it has one."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.at_most is None else self.value <= self.at_most


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of them do not exceed."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
