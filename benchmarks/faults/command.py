"""`./run bench faults`: every fault on a server of its own, one after another."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.faults.effects import Effects
from benchmarks.faults.faults import FAULTS, Fault
from benchmarks.faults.scene import Plan
from benchmarks.faults.trial import Outcome, run_trial
from reports_dev.postgres import EmbeddedPostgres

HELP = "kill, stop and disconnect workers and PostgreSQL with 200 tasks in flight, and count what is lost or repeated"

_COLUMNS = ("lost", "again", "twice", "redelivered s", "completed s", "left", "serving", "met")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    names = [fault.name for fault in FAULTS]
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="FAULT",
        help=f"try this fault and no other; may be given several times: {', '.join(names)}",
    )
    parser.add_argument("--tasks", type=int, default=200, help="tasks in flight (default: %(default)s)")
    parser.add_argument(
        "--fault-seconds",
        type=float,
        default=60.0,
        help="how long a worker is stopped and a connection is cut (default: %(default)g)",
    )


def run(*, only: Sequence[str] | None, tasks: int, fault_seconds: float) -> list[dict[str, Any]]:
    """Try the faults, print a table and return its rows."""
    plan = Plan(tasks=tasks, fault_seconds=fault_seconds)
    _print_head(plan)
    outcomes = []
    for fault in FAULTS:
        if not only or fault.name in only:
            print(f"{fault.name}: {fault.summary}", file=sys.stderr, flush=True)
            outcomes.append(_run(fault, plan))
            _print_row(outcomes[-1])
    return [dataclasses.asdict(outcome) for outcome in outcomes]


def _run(fault: Fault, plan: Plan) -> Outcome:
    # The record is on a server that no fault touches.
    with _folder() as folder, EmbeddedPostgres(folder / "broker") as broker, EmbeddedPostgres(durable=False) as record:
        with Effects(record.url) as effects:
            effects.create()
        return run_trial(fault, broker, record.url, plan, folder)


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder that the server's user can enter; a restarted server needs one that is kept."""
    path = Path(tempfile.mkdtemp(prefix="fna-bench-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def _print_head(plan: Plan) -> None:
    low, high = plan.task_seconds
    print(
        f"{plan.tasks} tasks of {low:g} to {high:g} s in flight, two workers of concurrency 2, late acknowledgement, "
        "prefetch 1\nlost: tasks without an effect; again: delivered more than once; twice: run to the end twice, the "
        "second effect refused;\nredelivered, completed: seconds from the fault; left: messages in the queue at the "
        "end; serving: workers that take new work, of those alive"
    )
    print(f"{'':20}" + "".join(f"{column:>15}" for column in _COLUMNS), flush=True)


def _print_row(outcome: Outcome) -> None:
    cells = (
        outcome.lost,
        outcome.delivered_again,
        outcome.ended_twice,
        _seconds(outcome.first_redelivery_seconds),
        _seconds(outcome.completion_seconds),
        outcome.messages_left,
        f"{outcome.workers_serving} of {outcome.workers_alive}",
        "yes" if outcome.met else "NO",
    )
    print(f"{outcome.fault:20}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
