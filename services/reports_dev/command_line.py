"""The command line of `./run demo` and `./run up`."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # argparse has no public name for what `add_subparsers` returns.
    from argparse import _SubParsersAction

    _Commands = _SubParsersAction[argparse.ArgumentParser]

_MOST_CHILDREN = 4

_DEMO_EPILOG = """\
PATH is a file, or a folder whose .htm, .html, .pdf, .txt and .xhtml files are taken. Subfolders are
not searched. The type of a report follows from the name of its file: 10k_apple_2022.pdf is a 10-K.

The database is that of DATABASE_URL (from the environment or .env) when it is set, else an embedded
PostgreSQL that is removed at the end. What the demo stores in a database of yours stays there.

exit codes:
  0 every report analysed    1 it could not run    2 wrong usage    3 some reports failed
  4 no report was analysed   130 interrupted
"""

_UP_EPILOG = """\
The database is that of DATABASE_URL (from the environment or .env) when it is set, else an embedded
PostgreSQL whose data is kept between runs. Ports are 50051 (gRPC) and 8000 (REST), or free ones when those
are taken; FNA_REPORTS_GRPC_ADDRESS and FNA_REPORTS_REST_ADDRESS choose others. All settings of the
processes can be set in the environment or in .env.

Ctrl-C and SIGTERM stop everything; the exit code is 0 then, and 1 when something could not run.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser; the parsed `command` is `demo` or `up`."""
    root = argparse.ArgumentParser(prog="./run", allow_abbrev=False)
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_up(commands)
    return root


def _add_demo(commands: "_Commands") -> None:
    demo = commands.add_parser(
        "demo",
        description="Analyse sample reports, or yours, and clean up.",
        epilog=_DEMO_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    demo.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="your files and folders, instead of the sample reports"
    )
    demo.add_argument("--keep", action="store_true", help="keep everything running afterwards, until Ctrl-C")
    _add_common(demo)


def _add_up(commands: "_Commands") -> None:
    up = commands.add_parser(
        "up",
        description="Run service, worker and gateway until Ctrl-C.",
        epilog=_UP_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    up.add_argument(
        "--json", action="store_true", help="print one line of JSON with the addresses once everything is ready"
    )
    kept = up.add_mutually_exclusive_group()
    kept.add_argument("--ephemeral", action="store_true", help="throw the data away at the end")
    kept.add_argument("--data-dir", type=Path, metavar="FOLDER", help="keep the data here, not in the usual place")
    _add_common(up)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--concurrency",
        type=_positive,
        default=min(os.cpu_count() or 1, _MOST_CHILDREN),
        metavar="N",
        help="reports that the worker analyses at once (here: %(default)s)",
    )
    command.add_argument("--verbose", action="store_true", help="show the logs of all processes")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
