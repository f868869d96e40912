"""Runs one command line and turns every outcome into output and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import timedelta

from fna.reports.cli import environment
from fna.reports.cli.arguments import parser
from fna.reports.cli.documents import NoDocumentsError
from fna.reports.cli.exits import Exit
from fna.reports.cli.problems import explain
from fna.reports.cli.progress import FollowInterrupted
from fna.reports.cli.session import Session
from fna.reports.client import ReportsClient
from fna.reports.errors import ReportsError

# A server that is being restarted is waited for; one that is not there is told soon.
_CONNECT_WITHIN = timedelta(seconds=3)
_RECONNECT_WITHIN = timedelta(minutes=5)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv`, by default that of the process, and return its exit code."""
    # The log of grpc's core would tear the live display, and says nothing that the errors do not say better.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    arguments = parser().parse_args(argv)
    server = arguments.server or environment.server()
    try:
        return _run(arguments, server)
    except ReportsError as error:
        return _fail("\n".join(explain(error, server)))
    except NoDocumentsError as error:
        return _fail(str(error))
    except FollowInterrupted as interruption:
        print(_how_to_continue(interruption, arguments.server), file=sys.stderr)
        return Exit.INTERRUPTED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.ERROR


def _run(arguments: argparse.Namespace, server: str) -> Exit:
    with ReportsClient(server, timeout=arguments.timeout, reconnect_timeout=_RECONNECT_WITHIN) as client:
        if arguments.connect:
            client.connect(within=min(_CONNECT_WITHIN, arguments.timeout))
        result: Exit = arguments.run(Session(client, arguments.json), arguments)
        return result


def _fail(message: str) -> Exit:
    print(f"fna-reports: {message}", file=sys.stderr)
    return Exit.ERROR


def _how_to_continue(interruption: FollowInterrupted, server: str | None) -> str:
    words = ["fna-reports", "watch", interruption.batch_id]
    if server:
        words += ["--server", server]
    if interruption.task_id is not None:
        words += ["--task-id", interruption.task_id]
    if interruption.last_sequence is not None:
        words += ["--after-sequence", str(interruption.last_sequence)]
    return f"The batch goes on. Continue with: {' '.join(words)}"
