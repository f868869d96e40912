"""The figures of a broker, from the samples of all rounds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

# Names and labels, in the order of the table.
LABELS = {
    "tasks_50_ms": "tasks of 50 ms, late acks, prefetch 1 /s",
    "pick_up_p50_ms": "pick-up on an idle worker, p50 ms",
    "pick_up_p99_ms": "  p99 ms",
    "pick_up_max_ms": "  max ms",
    "pick_ups": "  messages",
    "drain_late": "no-op drain, late acks, prefetch 1 /s",
    "drain": "  Celery's defaults /s",
    "drain_with_results": "  defaults, results stored /s",
    "publish": "publish one at a time /s",
    "publish_in_bulk": "  in bulk /s",
    "idle_transactions": "idle worker, transactions /s",
    "idle_statements": "  statements /s",
}


def from_samples(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Take the median of the rounds, and of the single messages of all rounds their percentiles."""
    figures: dict[str, float] = {}
    for name, values in samples.items():
        if name == "pick_up":
            figures |= _percentiles(values)
        else:
            figures[name] = statistics.median(values)
    return {name: figures[name] for name in LABELS if name in figures}


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    """Take the nearest ranks: with less than a hundred messages p99 is their maximum."""
    ordered = sorted(values)
    return {
        "pick_up_p50_ms": statistics.median(ordered),
        "pick_up_p99_ms": ordered[-(-len(ordered) * 99 // 100) - 1],
        "pick_up_max_ms": ordered[-1],
        "pick_ups": len(ordered),
    }
