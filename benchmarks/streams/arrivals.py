"""When events happen, in seconds from the beginning."""

from __future__ import annotations

import random


def poisson(per_second: float, seconds: float, seed: int) -> list[float]:
    """Return times that are independent of each other, the same for the same seed."""
    times = random.Random(seed)
    found = []
    at = times.expovariate(per_second)
    while at < seconds:
        found.append(at)
        at += times.expovariate(per_second)
    return found


def evenly(per_second: float, seconds: float) -> list[float]:
    """Return times at equal distances."""
    return [number / per_second for number in range(round(per_second * seconds))]
