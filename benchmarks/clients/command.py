"""`./run bench clients`: a recorded history, replayed as fast as it is taken."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.clients import history, loops, rates
from benchmarks.gateway.servers import gateway
from benchmarks.machine import of_grpc
from benchmarks.streams.command import print_table
from benchmarks.streams.figures import Figure
from benchmarks.streams.servers import listening_module

HELP = "events that each client consumes, and what the layers over the stubs in Python cost"
_MOST = 1.15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--quick", action="store_true", help="measure little and briefly, to see that it works")


def run(*, quick: bool) -> dict[str, list[dict[str, object]]]:
    """Measure, print the tables, and return all of it."""
    print(of_grpc(), flush=True)
    print("bench: recording histories", file=sys.stderr, flush=True)
    messages = history.recorded(2_000 if quick else 100_000)
    alone = history.one_by_one(history.recorded(1_000 if quick else 20_000))
    results = {}
    for name, streamed in (("as the server sends a history", messages), ("one event in a message", alone)):
        figures = _measure(streamed, rounds=1 if quick else 15)
        print_table(f"{name}: {history.count(streamed) / len(streamed):.0f} events in a message", figures)
        results[name] = [{**dataclasses.asdict(figure), "met": figure.met} for figure in figures]
    return results


def _measure(messages: Sequence[bytes], rounds: int) -> list[Figure]:
    events = history.count(messages)
    with tempfile.TemporaryDirectory(prefix="fna-bench-") as name:
        folder = Path(name)
        file = history.write(messages, folder / "history.txt")
        with (
            listening_module(["benchmarks.clients.replay", str(file)], folder, "replay") as server,
            gateway(server.address, folder) as rest,
        ):
            cost = loops.compare(server.address, events, rounds)
            found = rates.measure({False: server.address, True: rest.address}, events, min(rounds, 3), folder)
    return [
        *(Figure(f"{name}: processor time of an event", spent, "us") for name, spent in cost.items()),
        Figure("ReportsClient: ratio", cost["ReportsClient"] / cost["stub"], at_most=_MOST),
        Figure("AsyncReportsClient: ratio", cost["AsyncReportsClient"] / cost["stub, asyncio"], at_most=_MOST),
        Figure(
            "AsyncReportsClient: ratio to the generator",
            cost["AsyncReportsClient"] / cost["stub in a generator, asyncio"],
        ),
        *(Figure(f"{kind}: events", rate, "/s") for kind, (rate, _) in found.items()),
        *(Figure(f"{kind}: processor time of an event", spent, "us") for kind, (_, spent) in found.items()),
    ]
