"""Runs a benchmark: `./run bench NAME`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks import analysis, bloat, brokers, clients, completions, faults, gateway, streams, submission
from benchmarks.machine import describe

BENCHMARKS = {
    "submission": submission,
    "completions": completions,
    "brokers": brokers,
    "faults": faults,
    "bloat": bloat,
    "streams": streams,
    "analysis": analysis,
    "gateway": gateway,
    "clients": clients,
}


def main() -> None:
    """Run one benchmark, print its table, and write its figures as JSON where that is wanted."""
    parser = argparse.ArgumentParser(
        prog="./run bench", description="Measures on an embedded PostgreSQL, with everything in one run."
    )
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, module in BENCHMARKS.items():
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        command.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
        module.add_arguments(command)
    options = vars(parser.parse_args())
    name, file = options.pop("name"), options.pop("json")
    figures = BENCHMARKS[name].run(**options)
    if file:
        file.write_text(json.dumps({"machine": describe(), "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
