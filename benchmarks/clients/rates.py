"""How many events a second the driver of each client consumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from uuid import uuid4

from benchmarks.streams import usage
from tests.clients.drivers import KINDS, Driver, Kind

_SECONDS = 300.0
MEASURED = [kind for kind in KINDS if kind.name != "typescript-browser"]
"""That one is the same program as over SSE, in another process than the driver's."""


def measure(addresses: Mapping[bool, str], events: int, rounds: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Return for each client events a second, and microseconds of processor time for each event, medians of all rounds.

    `addresses` has the gRPC server under False and the gateway under True. All clients are measured in turn.
    """
    samples: dict[str, list[tuple[float, float]]] = {kind.name: [] for kind in MEASURED}
    for number in range(rounds + 1):
        for kind in MEASURED:
            found = _one(kind, addresses[kind.rest], events, folder)
            # The first round is for warming up.
            if number:
                samples[kind.name].append(found)
    return {
        name: (median(rate for rate, _ in taken), median(cost for _, cost in taken)) for name, taken in samples.items()
    }


def _one(kind: Kind, address: str, events: int, folder: Path) -> tuple[float, float]:
    with Driver(kind, address, folder / f"{kind.name}.log", {}) as driver:
        # Connects, and lets what compiles at run time do so.
        _count(driver, events)
        before = usage.cpu_seconds(driver.pid)
        seconds = _count(driver, events)
        used = usage.cpu_seconds(driver.pid) - before
        return events / seconds, used / events * 1e6


def _count(driver: Driver, events: int) -> float:
    """Have the client consume all events, and return how many seconds that took it."""
    call = driver.begin("count", {"batch_id": str(uuid4()), "task_id": str(uuid4()), "after_sequence": 0})
    driver.wait(lambda: call.over, f"{events} events", _SECONDS)
    assert call.result, call.error
    assert call.result["count"] == events
    return float(call.result["seconds"])
