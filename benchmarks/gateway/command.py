"""`./run bench gateway`: calls and events through the gateway, beside the same ones without it."""

from __future__ import annotations

import argparse
import dataclasses

from benchmarks.gateway import calls, events
from benchmarks.gateway.plan import FULL, QUICK
from benchmarks.machine import of_grpc
from benchmarks.streams.command import print_table

HELP = "calls and events through the REST gateway, against gRPC and a bare handler that only forwards"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--quick", action="store_true", help="measure little and briefly, to see that it works")


def run(*, quick: bool) -> dict[str, list[dict[str, object]]]:
    """Measure, print the table, and return all of it."""
    print(of_grpc(), flush=True)
    results = {}
    for name, measure in (("events", events.measure), ("calls", calls.measure)):
        figures = measure(QUICK if quick else FULL)
        print_table(name, figures)
        results[name] = [{**dataclasses.asdict(figure), "met": figure.met} for figure in figures]
    return results
