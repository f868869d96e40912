"""`./run bench streams`: each scenario on a database of its own, one after another."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence

from benchmarks.machine import of_grpc
from benchmarks.streams import completions, idle, latency, rate, restarts, stalled, submission
from benchmarks.streams.figures import Figure
from benchmarks.streams.plan import FULL, QUICK, Plan

HELP = "follow batches from up to ten thousand watchers, against a server that only streams from memory"

_SCENARIOS: dict[str, Callable[[Plan], list[Figure]]] = {
    "latency": latency.measure,
    "rate": rate.measure,
    "idle": idle.measure,
    "completions": completions.measure,
    "submission": submission.measure,
    "stalled": stalled.measure,
    "restarts": restarts.measure,
}
_VERDICTS = {True: "met", False: "MISSED", None: ""}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--only",
        action="append",
        choices=list(_SCENARIOS),
        metavar="SCENARIO",
        help=f"measure this scenario and no other; may be given several times: {', '.join(_SCENARIOS)}",
    )
    parser.add_argument("--quick", action="store_true", help="measure little and briefly, to see that it works")


def run(*, only: Sequence[str] | None, quick: bool) -> dict[str, list[dict[str, object]]]:
    """Measure, print a table for each scenario, and return all of it."""
    plan = QUICK if quick else FULL
    print(of_grpc(), flush=True)
    results = {}
    for name in only or _SCENARIOS:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        results[name] = _SCENARIOS[name](plan)
        print_table(name, results[name])
    return {
        name: [{**dataclasses.asdict(figure), "met": figure.met} for figure in figures]
        for name, figures in results.items()
    }


def print_table(name: str, figures: Sequence[Figure]) -> None:
    """Print each figure beside its target."""
    print(f"\n{name}")
    for figure in figures:
        print(
            f"  {figure.name:56}{figure.value:>12,.2f} {figure.unit:4}{_target(figure):>16}  "
            f"{_VERDICTS[figure.met]}".rstrip(),
            flush=True,
        )


def _target(figure: Figure) -> str:
    if figure.at_most is not None:
        return f"at most {figure.at_most:g}"
    return "" if figure.at_least is None else f"at least {figure.at_least:g}"
