"""The command line: subcommands, their options and their help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from google.protobuf.descriptor import EnumDescriptor

from fna.reports.cli import batches, reports
from fna.reports.cli.doctor import doctor
from fna.reports.cli.environment import DEFAULT_SERVER, SERVER_VARIABLE
from fna.reports.cli.names import REPORT_TYPES, bare_names
from fna.reports.v1.batch_pb2 import BatchItemStatus, BatchStatus

if TYPE_CHECKING:
    # argparse has no public name for what `add_subparsers` returns.
    from argparse import _SubParsersAction

    _Commands = _SubParsersAction[argparse.ArgumentParser]

_MOST_SECONDS = 7 * 24 * 3600
_DESCRIPTION = "Submit batches of company reports for analysis and follow their progress."
_EPILOG = f"""\
examples:
  fna-reports submit 10k_apple_2022.pdf filings/ --company Apple --watch
  fna-reports upload filings/*.htm | fna-reports submit - --label quarter=Q1-2024
  fna-reports watch BATCH_ID
  fna-reports list --status PROCESSING
  fna-reports items BATCH_ID --status FAILED

exit codes:
  0 done, and for a batch that was followed: every report analysed
  1 refused, or the server was not reached     2 wrong usage
  3 partially completed    4 failed    5 cancelled    130 interrupted

The server is --server, else {SERVER_VARIABLE} from the environment or from .env in the
working directory, else {DEFAULT_SERVER}.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser; the parsed `run` is the function of the subcommand."""
    root = argparse.ArgumentParser(
        prog="fna-reports",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        parents=[_common()],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"fna-reports {_version()}")
    root.set_defaults(server=None, json=False, timeout=timedelta(seconds=30), connect=True)
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_upload(commands)
    _add_submit(commands)
    _add_watch(commands)
    _add_get(commands)
    _add_list(commands)
    _add_items(commands)
    _add_cancel(commands)
    _add_retry(commands)
    _add_report(commands)
    _add_analysis(commands)
    _add_delta(commands)
    _add_doctor(commands)
    return root


def _common() -> argparse.ArgumentParser:
    """Return the options that may stand before or after the subcommand."""
    # Without a default of its own, a subcommand does not undo what stands before it.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    options = common.add_argument_group("connection and output")
    options.add_argument("--server", type=_target, metavar="HOST:PORT", help="gRPC address of the service")
    options.add_argument("--json", action="store_true", help="print one JSON object per line, for scripts")
    options.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="time that one call may take (default: 30)"
    )
    return common


def _command(
    commands: _Commands,
    name: str,
    run: Callable[..., int],
    help_text: str,
    examples: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.",
        epilog="examples:\n" + "\n".join(f"  fna-reports {line}" for line in examples.splitlines()),
        parents=[_common()],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    return command


def _add_upload(commands: _Commands) -> None:
    command = _command(
        commands,
        "upload",
        reports.upload,
        "upload documents and print the ids of the reports",
        "upload 10k_apple_2022.pdf --company Apple\nupload filings/ --company Apple --fiscal-period 'FY 2024'",
    )
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, and folders of documents")
    _add_document_options(command)


def _add_submit(commands: _Commands) -> None:
    command = _command(
        commands,
        "submit",
        batches.submit,
        "submit reports for analysis and print the id of the batch",
        "submit 10k_apple_2022.pdf filings/ --company Apple --watch\n"
        "submit REPORT_ID REPORT_ID --label quarter=Q1-2024 --priority 9\n"
        "upload filings/*.htm | fna-reports submit -",
    )
    command.add_argument(
        "reports", nargs="+", metavar="REPORT", help="report ids; files and folders to upload first; - for ids on stdin"
    )
    command.add_argument("--watch", action="store_true", help="follow the batch until it is over")
    _add_labels(command, "label of the batch; may be repeated")
    command.add_argument("--priority", type=int, choices=range(10), metavar="0-9", help="9 first (default: 4)")
    command.add_argument(
        "--execution-timeout", type=_seconds, metavar="SECONDS", help="fail reports that have not started by then"
    )
    command.add_argument("--webhook-url", default="", metavar="URL", help="where to send a webhook when it is over")
    command.add_argument("--validate-only", action="store_true", help="check the request and submit nothing")
    _add_request_id(command)
    _add_document_options(command)


def _add_watch(commands: _Commands) -> None:
    command = _command(
        commands,
        "watch",
        batches.watch,
        "follow a batch until it is over",
        "watch BATCH_ID\nwatch BATCH_ID --after-sequence 0\nwatch BATCH_ID --json",
    )
    _add_batch(command)
    _add_task_id(command)
    command.add_argument(
        "--after-sequence", type=_sequence, metavar="N", help="continue after this event; 0 is the whole history"
    )


def _add_get(commands: _Commands) -> None:
    command = _command(commands, "get", batches.get, "print a batch", "get BATCH_ID\nget BATCH_ID --json")
    _add_batch(command)
    _add_task_id(command)


def _add_list(commands: _Commands) -> None:
    command = _command(
        commands,
        "list",
        batches.list_batches,
        "list batches, newest first",
        "list\nlist --status PROCESSING --status CANCELLING\nlist --label quarter=Q1-2024",
    )
    _add_statuses(command, BatchStatus.DESCRIPTOR)
    _add_labels(command, "only batches with this label; may be repeated")
    _add_limit(command, 50)


def _add_items(commands: _Commands) -> None:
    command = _command(
        commands, "items", batches.items, "list the reports of a batch", "items BATCH_ID --status FAILED"
    )
    _add_batch(command)
    _add_task_id(command)
    _add_statuses(command, BatchItemStatus.DESCRIPTOR)
    _add_limit(command, 0)


def _add_cancel(commands: _Commands) -> None:
    command = _command(commands, "cancel", batches.cancel, "cancel a batch", "cancel BATCH_ID --reason 'wrong files'")
    _add_batch(command)
    command.add_argument("--reason", default="", metavar="TEXT", help="why, for people")


def _add_retry(commands: _Commands) -> None:
    command = _command(
        commands,
        "retry",
        batches.retry,
        "run a batch again over the reports that did not succeed",
        "retry BATCH_ID --watch\nretry BATCH_ID --report REPORT_ID",
    )
    _add_batch(command)
    command.add_argument(
        "--report",
        dest="report_ids",
        action="append",
        default=[],
        type=_uuid,
        metavar="REPORT_ID",
        help="only this report; may be repeated",
    )
    command.add_argument("--watch", action="store_true", help="follow the batch until it is over")
    _add_request_id(command)


def _add_report(commands: _Commands) -> None:
    command = _command(commands, "report", reports.report, "print a report", "report REPORT_ID")
    command.add_argument("report_id", type=_uuid, metavar="REPORT_ID")


def _add_analysis(commands: _Commands) -> None:
    command = _command(
        commands,
        "analysis",
        reports.analysis,
        "print the analysis of a report",
        "analysis REPORT_ID\nanalysis REPORT_ID --json",
    )
    command.add_argument("report_id", type=_uuid, metavar="REPORT_ID")
    command.add_argument("--analysis-id", type=_uuid, metavar="ID", help="this one (default: the newest)")


def _add_delta(commands: _Commands) -> None:
    command = _command(
        commands,
        "delta",
        reports.delta,
        "print how a report differs from an earlier one of its company",
        "delta REPORT_ID\ndelta REPORT_ID --base EARLIER_REPORT_ID",
    )
    command.add_argument("report_id", type=_uuid, metavar="REPORT_ID")
    command.add_argument(
        "--base", type=_uuid, metavar="REPORT_ID", help="compare with this one (default: the previous report)"
    )


def _add_doctor(commands: _Commands) -> None:
    command = _command(
        commands,
        "doctor",
        doctor,
        "check connection, server, database, queues and workers, and say what to do",
        "doctor\ndoctor --server reports.example.com:50051 --json",
    )
    command.set_defaults(connect=False)  # How far a connection comes is what it is asked for.


def _add_document_options(command: argparse.ArgumentParser) -> None:
    options = command.add_argument_group("documents")
    options.add_argument(
        "--company",
        default="unknown",
        metavar="NAME-OR-UUID",
        help="company of the documents; a name always stands for the same UUID (default: unknown)",
    )
    options.add_argument(
        "--type",
        choices=REPORT_TYPES,
        help="kind of filing (default: as the name of the file begins, 10k_... for example, else other)",
    )
    options.add_argument("--fiscal-period", type=_period, metavar="PERIOD", help="Q1 2024 to Q4 2024, or FY 2024")
    options.add_argument("--filing-date", type=_date, metavar="YYYY-MM-DD", help="day of filing")
    options.add_argument("--title", default="", help="title, for people")


def _add_batch(command: argparse.ArgumentParser) -> None:
    command.add_argument("batch_id", type=_uuid, metavar="BATCH_ID")


def _add_task_id(command: argparse.ArgumentParser) -> None:
    command.add_argument("--task-id", type=_uuid, metavar="ID", help="this execution (default: the current one)")


def _add_request_id(command: argparse.ArgumentParser) -> None:
    command.add_argument("--request-id", type=_uuid, metavar="ID", help="UUID that makes repeated calls one")


def _add_statuses(command: argparse.ArgumentParser, enum: EnumDescriptor) -> None:
    numbers = bare_names(enum)

    def status(text: str) -> int:
        if text.upper() not in numbers:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(numbers)}, not {text}")
        return numbers[text.upper()]

    command.add_argument(
        "--status", action="append", default=[], type=status, help=f"{', '.join(numbers)}; may be repeated"
    )


def _add_labels(command: argparse.ArgumentParser, help_text: str) -> None:
    command.add_argument("--label", action="append", default=[], type=_label, metavar="KEY=VALUE", help=help_text)


def _add_limit(command: argparse.ArgumentParser, default: int) -> None:
    command.add_argument(
        "--limit", type=_sequence, default=default, metavar="N", help=f"at most so many, 0 for all (default: {default})"
    )


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a UUID, not {text}") from None


def _sequence(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, not {text}")
    return int(text)


def _seconds(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"must be seconds above 0, not {text}")
    return timedelta(seconds=seconds)


def _period(text: str) -> str:
    if not re.fullmatch(r"(Q[1-4]|FY) [0-9]{4}", text):
        raise argparse.ArgumentTypeError(f"must be like 'Q1 2024' or 'FY 2024', not {text}")
    return text


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a day as YYYY-MM-DD, not {text}") from None


def _label(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE, not {text}")
    return key, value


def _target(text: str) -> str:
    if re.match(r"(https?|grpcs?)://", text):
        raise argparse.ArgumentTypeError(f"must be HOST:PORT of the gRPC service, not the URL {text}")
    return text


def _version() -> str:
    try:
        return version("fna-reports")
    except PackageNotFoundError:
        return "(not installed)"
