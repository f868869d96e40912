"""Runs one command line and turns every outcome into output and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence

from fna.reports.cli.arguments import parser
from fna.reports.cli.commands import CONNECTION_OPTIONS
from fna.reports.cli.config_file import SettingsError
from fna.reports.cli.connection import connect, open_client
from fna.reports.cli.documents import NoDocumentsError
from fna.reports.cli.exits import Exit, WrongUsage
from fna.reports.cli.problems import explain
from fna.reports.cli.session import Session
from fna.reports.cli.settings import Settings, effective
from fna.reports.errors import DeadlineExceededError, ReportsError, UnavailableError
from fna.reports_command import Ending


def main(argv: Sequence[str] | None = None, *, ending: Ending | None = None) -> int:
    """Run the command with `argv`, by default that of the process, and return its exit code.

    `ending` is told what to say should a signal end the process meanwhile.
    """
    # The log of grpc's core would tear the live display, and says nothing that the errors do not say better.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    ending = ending or Ending()
    try:
        arguments = parser().parse_args(argv)
        return _outcome(arguments, ending)
    except KeyboardInterrupt:
        print(ending.last_words(), file=sys.stderr)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _discard_output()  # Whoever read it has had enough.
        return Exit.ERROR
    except OSError as error:
        if error.filename is not None:
            return _fail(f"{error.filename}: {error.strerror}")
        _discard_output()
        return _fail(f"cannot write the output: {error.strerror or error}")


def _outcome(arguments: argparse.Namespace, ending: Ending) -> Exit:
    """Run the command that was named; some need no connection."""
    try:
        if arguments.alone:
            alone: Exit = arguments.run(arguments)
            return alone
        return _run(arguments, effective(arguments), ending)
    except (NoDocumentsError, SettingsError) as error:
        return _fail(str(error))
    except WrongUsage as error:
        _fail(str(error))
        return Exit.USAGE


def _run(arguments: argparse.Namespace, settings: Settings, ending: Ending) -> Exit:
    for warning in settings.warnings:
        print(f"fna-reports: warning: {warning}", file=sys.stderr)
    try:
        with open_client(settings) as client:
            if arguments.connects:
                connect(client, settings)
            session = Session(client, settings, arguments.json, ending, tuple(_connection_words(arguments)))
            result: Exit = arguments.run(session, arguments)
            return result
    except ReportsError as error:
        lines = explain(error, settings.server)
        if isinstance(error, DeadlineExceededError | UnavailableError) and ending.last_words():
            # The answer may be all that was lost.
            lines.append(ending.last_words())
        return _fail("\n".join(lines))


def _connection_words(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the options that say which service to reach, as they were given."""
    for name in CONNECTION_OPTIONS:
        value = getattr(arguments, name, None)
        if value in ("true", "false"):
            yield "--tls" if value == "true" else "--no-tls"
        elif value is not None:
            yield from (f"--{name.replace('_', '-')}", value)


def _fail(message: str) -> Exit:
    print(f"fna-reports: {message}", file=sys.stderr)
    return Exit.ERROR


def _discard_output() -> None:
    """Send what is still to be printed nowhere: Python would complain once more when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
