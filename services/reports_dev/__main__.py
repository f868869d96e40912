"""Runs `./run demo` and `./run up`: `python -m reports_dev demo|up`."""

import argparse
import os
import signal
import sys

from reports_dev.command_line import parser
from reports_dev.errors import DevelopmentError
from reports_dev.interruption import Terminated, raise_on_sigterm
from reports_dev.narration import Narration

_ERROR = 1
_INTERRUPTED = 130
_TERMINATED = 128 + signal.SIGTERM


def main() -> int:
    """Run the command and return its exit code."""
    arguments = parser().parse_args()
    raise_on_sigterm()
    # The log of grpc's core would tear the live display.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        return _run(arguments)
    except DevelopmentError as error:
        print(f"./run {arguments.command}: {error}", file=sys.stderr, flush=True)
        return _ERROR
    except KeyboardInterrupt:
        print(f"./run {arguments.command}: interrupted; everything is stopped", file=sys.stderr, flush=True)
        return _INTERRUPTED
    except Terminated:
        return 0 if arguments.command == "up" else _TERMINATED
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _ERROR


def _run(arguments: argparse.Namespace) -> int:
    # Imported late: their imports take a while, in which the user sees the first line and may press Ctrl-C.
    if arguments.command == "demo":
        narration = Narration()
        narration.line("FNA Reports demo: PostgreSQL, gRPC server, Celery worker and REST gateway on this machine")
        from reports_dev import demo  # noqa: PLC0415 - as above

        return demo.run(arguments, narration)
    narration = Narration(sys.stderr if arguments.json else sys.stdout)
    narration.line("FNA Reports: PostgreSQL, gRPC server, Celery worker and REST gateway on this machine")
    from reports_dev import up  # noqa: PLC0415 - as above

    return up.run(arguments, narration)


if __name__ == "__main__":
    sys.exit(main())
