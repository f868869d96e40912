"""Runs the same Celery program on each broker, round by round, and says which targets ours reaches."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.brokers import report
from benchmarks.brokers.candidates import CANDIDATES, Candidate
from benchmarks.brokers.errors import NotMeasured
from benchmarks.brokers.measurements import MEASUREMENTS, Measurement
from benchmarks.brokers.results import Results
from benchmarks.brokers.servers import Server, Start
from benchmarks.brokers.session import CONCURRENCY, session
from reports_dev.errors import DevelopmentError

HELP = "run one Celery program on our broker, sqla+postgresql, pgmq, Redis and RabbitMQ, side by side"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    names = [candidate.name for candidate in CANDIDATES]
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"measure this broker and no other; may be given several times: {', '.join(names)}",
    )
    parser.add_argument("--rounds", type=int, default=2, help="how often everything is measured (default: %(default)s)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        help="break a measurement off after so long, for slow brokers (default: %(default)s)",
    )


def run(*, only: Sequence[str] | None, rounds: int, seconds: float) -> dict[str, object]:
    """Measure, print a table and what became of the targets, and return all of it."""
    candidates = [candidate for candidate in CANDIDATES if not only or candidate.name in only]
    results = Results()
    load = os.getloadavg()[0]
    conditions = [f"rounds: {rounds}, worker processes: {CONCURRENCY}, load average before: {load:.1f}"]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, contextlib.ExitStack() as stack:
        running = _start(candidates, Path(folder), stack, results)
        for number in range(1, rounds + 1):
            for measurement in MEASUREMENTS:
                for candidate, server in running.items():
                    _say(f"round {number} of {rounds}: {measurement.name}: {candidate.name}")
                    # What was installed, and what others wrote: brokers that wait for the disk would pay for it.
                    os.sync()
                    _measure(measurement, candidate, server, seconds, results)
        conditions += sorted({server.description for server in running.values()})
    return report.write(results, [candidate.name for candidate in candidates], conditions)


def _start(
    candidates: Sequence[Candidate], folder: Path, stack: contextlib.ExitStack, results: Results
) -> dict[Candidate, Server]:
    """Start each server once, for all that use it; leaves those out whose server cannot be had."""
    servers: dict[Start, Server] = {}
    running = {}
    for candidate in candidates:
        try:
            if candidate.server not in servers:
                _say(f"starting the server of {candidate.name}")
                servers[candidate.server] = stack.enter_context(candidate.server(folder))
            running[candidate] = servers[candidate.server]
        except (NotMeasured, DevelopmentError) as error:
            results.miss(candidate.name, str(error))
    return running


def _measure(measurement: Measurement, candidate: Candidate, server: Server, seconds: float, results: Results) -> None:
    try:
        with session(candidate, server, measurement.settings) as opened:
            for name, values in measurement.measure(opened, seconds):
                results.add(candidate.name, name, values)
    except NotMeasured as error:
        results.miss(f"{candidate.name}: {measurement.name}", str(error))
    except Exception as error:  # noqa: BLE001 - whatever a broker raises is what there is to say about it
        description = f"{type(error).__name__}: {error}"
        _say(description)
        # The rest is the end of the worker's log.
        results.miss(f"{candidate.name}: {measurement.name}", description.splitlines()[0])


def _say(text: str) -> None:
    """Show progress apart from the results."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
