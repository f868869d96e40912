"""`./run bench bloat`: each part on a server of its own, one after another."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.bloat import backlog, horizon, idle, load, throughput
from benchmarks.bloat.figures import Figure
from benchmarks.bloat.progress import Progress
from benchmarks.machine import describe

HELP = "pass a million messages through the queue: its size, the cost of a claim, what a worker asks of the database"

_FEWEST_MESSAGES = 100_000

Part = Callable[[Progress], list[Figure]]

_VERDICTS = {True: "met", False: "MISSED", None: ""}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    names = list(_parts(messages=0, seconds=0, idle_seconds=0, load_messages=0))
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="PART",
        help=f"measure this part and no other; may be given several times: {', '.join(names)}",
    )
    parser.add_argument(
        "--messages",
        type=_many,
        default=1_000_000,
        help=f"of throughput and backlog, at least {_FEWEST_MESSAGES} (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="that either horizon is pinned (default: %(default)g)"
    )
    parser.add_argument(
        "--idle-seconds", type=float, default=60.0, help="that an idle worker is watched (default: %(default)g)"
    )
    parser.add_argument("--load-messages", type=int, default=10_000, help="of load (default: %(default)s)")


def run(
    *, only: Sequence[str] | None, messages: int, seconds: float, idle_seconds: float, load_messages: int
) -> dict[str, list[dict[str, object]]]:
    """Measure, print a table and what became of the targets, and return all of it."""
    parts = _parts(messages=messages, seconds=seconds, idle_seconds=idle_seconds, load_messages=load_messages)
    machine = describe()
    print(
        f"{machine['cores']} cores, Python {machine['python']}; times are the server's own, of each claim", flush=True
    )
    results = {}
    for name in only or parts:
        results[name] = parts[name](Progress(name))
        _print_rows(name, results[name])
    return {
        name: [{**dataclasses.asdict(figure), "met": figure.met} for figure in figures]
        for name, figures in results.items()
    }


def _many(text: str) -> int:
    messages = int(text)
    if messages < _FEWEST_MESSAGES:
        raise argparse.ArgumentTypeError(f"claims are timed only from {_FEWEST_MESSAGES} messages on")
    return messages


def _parts(*, messages: int, seconds: float, idle_seconds: float, load_messages: int) -> dict[str, Part]:
    return {
        "throughput": partial(throughput.measure, messages),
        "backlog": partial(backlog.measure, messages),
        "horizon": partial(horizon.measure_reading, seconds),
        "horizon-writing": partial(horizon.measure_writing, seconds),
        "idle": partial(idle.measure, idle_seconds),
        "load": partial(load.measure, load_messages),
    }


def _print_rows(name: str, figures: Sequence[Figure]) -> None:
    for number, figure in enumerate(figures):
        at_most = "" if figure.at_most is None else f"at most {figure.at_most:g}"
        print(
            f"{name if number == 0 else '':16}{figure.name:45}{figure.value:>12.3f} {figure.unit:4}"
            f"{at_most:>14}  {_VERDICTS[figure.met]}".rstrip(),
            flush=True,
        )
