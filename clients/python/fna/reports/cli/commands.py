"""How a subcommand is added to the command line, with the options that all of them have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from google.protobuf.descriptor import EnumDescriptor

from fna.reports.cli import values
from fna.reports.cli.names import bare_names
from fna.reports.cli.parser import Parser

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001  # it has no public name

CONNECTION_OPTIONS = ("profile", "server", "tls", "ca_file", "cert_file", "key_file")
"""The options that say which service to reach, by the names that they have once parsed; all are text."""

# How shtab, which writes the completions, is told that an argument is a file; it need not be installed for the rest.
FILE = {"bash": "_shtab_compgen_files", "zsh": "_files", "fish": "(__fish_complete_path (commandline -ct))"}

_Read = TypeVar("_Read")


def connection_options() -> Parser:
    """Return the options that may stand before or after the subcommand."""
    # Without a default of its own, a subcommand does not undo what stands before it.
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    options = common.add_argument_group("connection and output")
    options.add_argument(
        "--server", type=_checked(values.target), metavar="HOST:PORT", help="gRPC address of the service"
    )
    options.add_argument("--profile", metavar="NAME", help="settings of this name, from the configuration file")
    options.add_argument("--tls", action="store_const", const="true", help="encrypt the connection")
    options.add_argument("--no-tls", dest="tls", action="store_const", const="false", help=argparse.SUPPRESS)
    add_file(options, "--ca-file", "check the server against these certificates (PEM); implies --tls")
    add_file(options, "--cert-file", "certificate to show to the server (PEM), for mutual TLS; implies --tls")
    add_file(options, "--key-file", "key of that certificate (PEM)")
    options.add_argument(
        "--timeout", type=_checked(values.seconds), metavar="SECONDS", help="time that one call may take (default: 30)"
    )
    options.add_argument("--json", action="store_true", help="print one JSON object per line, for scripts")
    return common


def add_command(
    commands: Commands,
    name: str,
    run: Callable[..., int],
    help_text: str,
    examples: str,
    *,
    alone: bool = False,
    connects: bool = True,
) -> Parser:
    """Add a subcommand that `run` carries out, with its examples, each a line without `fna-reports`.

    `run` is called with a session and the arguments, or when `alone` with the arguments and no connection.
    Unless it `connects`, the client of the session is not connected yet.
    """
    command = commands.add_parser(
        name,
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.",
        epilog=examples_text(examples),
        parents=[connection_options()],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run=run, alone=alone, connects=connects)
    return command


def add_group(commands: Commands, name: str, help_text: str, examples: str) -> Commands:
    """Add a subcommand that has subcommands of its own, and return those."""
    group = commands.add_parser(
        name,
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.",
        epilog=examples_text(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return subcommands(group)


def subcommands(parser: Parser) -> Commands:
    """Have a parser take subcommands; without one it prints its help."""
    parser.set_defaults(run=lambda _: parser.show_commands(), alone=True)
    return parser.add_subparsers(title="commands", metavar="COMMAND")


def examples_text(examples: str) -> str:
    """Return how the examples look in a help text."""
    return "examples:\n" + "\n".join(f"  fna-reports {line}" for line in examples.splitlines())


def add_file(options: argparse._ActionsContainer, name: str, help_text: str) -> None:
    """Add an option that names a file."""
    options.add_argument(name, metavar="FILE", help=help_text).complete = FILE  # type: ignore[attr-defined]  # of shtab


def add_batch(command: Parser) -> None:
    """Add the batch that the command is about."""
    command.add_argument("batch_id", type=values.uuid, metavar="BATCH_ID")


def add_report(command: Parser) -> None:
    """Add the report that the command is about."""
    command.add_argument("report_id", type=values.uuid, metavar="REPORT_ID")


def add_request_id(command: Parser) -> None:
    """Add the option that makes repeated calls one."""
    command.add_argument("--request-id", type=values.uuid, metavar="ID", help="UUID that makes repeated calls one")


def add_statuses(command: argparse._ActionsContainer, enum: EnumDescriptor) -> None:
    """Add a choice of the statuses of an enum; they are parsed as their names."""
    command.add_argument(
        "--status",
        action="append",
        default=[],
        type=str.upper,
        choices=bare_names(enum),
        metavar="STATUS",
        help=f"only {', '.join(bare_names(enum))}; may be repeated",
    )


def add_labels(command: argparse._ActionsContainer, help_text: str) -> None:
    """Add labels."""
    command.add_argument("--label", action="append", default=[], type=values.label, metavar="KEY=VALUE", help=help_text)


def add_limit(command: Parser, default: int) -> None:
    """Add how many rows to print at most."""
    command.add_argument(
        "--limit",
        type=values.whole_number,
        default=default,
        metavar="N",
        help=f"at most so many, 0 for all (default: {default})",
    )


def _checked(read: Callable[[str], _Read]) -> Callable[[str], str]:
    """Return a type that refuses what `read` refuses and keeps the text, which is read with the other settings."""

    def check(text: str) -> str:
        read(text)
        return text

    return check
