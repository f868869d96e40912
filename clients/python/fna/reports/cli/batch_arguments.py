"""The arguments of the subcommands about batches."""

from __future__ import annotations

import argparse

from fna.reports.cli import batches, results, values, watching
from fna.reports.cli.commands import (
    FILE,
    Commands,
    add_batch,
    add_command,
    add_labels,
    add_limit,
    add_request_id,
    add_statuses,
)
from fna.reports.cli.parser import Parser
from fna.reports.cli.report_arguments import add_document_options
from fna.reports.v1.batch_pb2 import BatchItemStatus, BatchStatus


def add_batch_commands(commands: Commands) -> None:
    """Add submit, watch, get, list, items, results, cancel and retry."""
    _add_submit(commands)
    _add_watch(commands)
    _add_get(commands)
    _add_list(commands)
    _add_items(commands)
    _add_results(commands)
    _add_cancel(commands)
    _add_retry(commands)


def _add_submit(commands: Commands) -> None:
    command = add_command(
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
    ).complete = FILE  # type: ignore[attr-defined]  # of shtab
    _add_follow(command)
    add_labels(command, "label of the batch; may be repeated")
    command.add_argument("--priority", type=int, choices=range(10), metavar="0-9", help="9 first (default: 4)")
    command.add_argument(
        "--execution-timeout", type=values.seconds, metavar="SECONDS", help="fail reports that have not started by then"
    )
    command.add_argument("--webhook-url", default="", metavar="URL", help="where to send a webhook when it is over")
    command.add_argument("--validate-only", action="store_true", help="check the request and submit nothing")
    add_request_id(command)
    add_document_options(command)


def _add_watch(commands: Commands) -> None:
    command = add_command(
        commands,
        "watch",
        watching.watch,
        "follow a batch until it is over, or all batches that match",
        "watch BATCH_ID\n"
        "watch BATCH_ID --after-sequence 0\n"
        "watch BATCH_ID --json\n"
        "watch --label quarter=Q1-2024\n"
        "watch --status PROCESSING --within 60",
    )
    command.add_argument(
        "batch_id", nargs="?", type=values.uuid, metavar="BATCH_ID", help="without one: all batches, until Ctrl-C"
    )
    one = command.add_argument_group("of one batch")
    _add_task_id(one)
    one.add_argument(
        "--after-sequence",
        type=values.whole_number,
        metavar="N",
        help="continue after this event; 0 is the whole history",
    )
    many = command.add_argument_group("of all batches")
    add_labels(many, "only batches with this label; may be repeated")
    add_statuses(many, BatchStatus.DESCRIPTOR)
    _add_watch_options(command)


def _add_get(commands: Commands) -> None:
    command = add_command(commands, "get", batches.get, "print a batch", "get BATCH_ID\nget BATCH_ID --json")
    add_batch(command)
    _add_task_id(command)


def _add_list(commands: Commands) -> None:
    command = add_command(
        commands,
        "list",
        batches.list_batches,
        "list batches, newest first",
        "list\nlist --status PROCESSING --status CANCELLING\nlist --label quarter=Q1-2024",
    )
    add_statuses(command, BatchStatus.DESCRIPTOR)
    add_labels(command, "only batches with this label; may be repeated")
    command.add_argument(
        "--batch",
        dest="batch_ids",
        action="append",
        default=[],
        type=values.uuid,
        metavar="BATCH_ID",
        help="only this batch; may be repeated",
    )
    add_limit(command, 50)


def _add_items(commands: Commands) -> None:
    command = add_command(
        commands, "items", batches.items, "list the reports of a batch", "items BATCH_ID --status FAILED"
    )
    add_batch(command)
    _add_task_id(command)
    add_statuses(command, BatchItemStatus.DESCRIPTOR)
    add_limit(command, 0)


def _add_results(commands: Commands) -> None:
    command = add_command(
        commands,
        "results",
        results.results,
        "print what the analysis of each report of a batch came to",
        "results BATCH_ID\n"
        "results BATCH_ID --format csv > results.csv\n"
        "results BATCH_ID --format jsonl --status COMPLETED | jq .analysis.risk.value",
    )
    add_batch(command)
    command.add_argument(
        "--format",
        choices=results.FORMATS,
        metavar="FORMAT",
        help="table; csv; jsonl, an object a line; or json, one object (default: table, with --json jsonl)",
    )
    _add_task_id(command)
    add_statuses(command, BatchItemStatus.DESCRIPTOR)
    add_limit(command, 0)


def _add_cancel(commands: Commands) -> None:
    command = add_command(
        commands, "cancel", batches.cancel, "cancel a batch", "cancel BATCH_ID --reason 'wrong files'"
    )
    add_batch(command)
    command.add_argument("--reason", default="", metavar="TEXT", help="why, for people")
    _add_etag(command)


def _add_retry(commands: Commands) -> None:
    command = add_command(
        commands,
        "retry",
        batches.retry,
        "run a batch again over the reports that did not succeed",
        "retry BATCH_ID --watch\nretry BATCH_ID --report REPORT_ID",
    )
    add_batch(command)
    command.add_argument(
        "--report",
        dest="report_ids",
        action="append",
        default=[],
        type=values.uuid,
        metavar="REPORT_ID",
        help="only this report; may be repeated",
    )
    _add_follow(command)
    _add_etag(command)
    add_request_id(command)


def _add_follow(command: Parser) -> None:
    command.add_argument("--watch", action="store_true", help="follow the batch until it is over")
    _add_watch_options(command)


def _add_watch_options(command: Parser) -> None:
    options = command.add_argument_group("while it is followed")
    options.add_argument(
        "--within",
        type=values.seconds,
        metavar="SECONDS",
        help="stop following then, of one batch with exit code 1; it goes on",
    )
    options.add_argument("--batch-only", action="store_true", help="only events of the batch, not of its reports")
    options.add_argument(
        "--heartbeat",
        type=values.seconds,
        metavar="SECONDS",
        help="1 to 60: how soon a dead connection is found out, after three times as long (default: 15)",
    )


def _add_task_id(command: argparse._ActionsContainer) -> None:
    command.add_argument("--task-id", type=values.uuid, metavar="ID", help="this execution (default: the current one)")


def _add_etag(command: Parser) -> None:
    command.add_argument("--etag", default="", help="refuse unless the batch is still as it was with this etag")
