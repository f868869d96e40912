"""The arguments of the subcommands about reports."""

from __future__ import annotations

from pathlib import Path

from fna.reports.cli import reports, values
from fna.reports.cli.commands import (
    FILE,
    Commands,
    add_command,
    add_limit,
    add_report,
    add_request_id,
    add_statuses,
)
from fna.reports.cli.names import REPORT_TYPES
from fna.reports.cli.parser import Parser
from fna.reports.v1.report_pb2 import ReportStatus


def add_report_commands(commands: Commands) -> None:
    """Add upload, register, reports, report, analysis and delta."""
    _add_upload(commands)
    _add_register(commands)
    _add_reports(commands)
    _add_report(commands)
    _add_analysis(commands)
    _add_delta(commands)


def add_document_options(command: Parser) -> None:
    """Add what is told about documents."""
    options = command.add_argument_group("documents")
    options.add_argument(
        "--company",
        metavar="NAME-OR-UUID",
        help="company of the documents; a name always stands for the same UUID (default: unknown)",
    )
    options.add_argument(
        "--type",
        choices=REPORT_TYPES,
        metavar="TYPE",
        help=f"kind of filing: {', '.join(REPORT_TYPES)} (default: as the name of the file begins, 10k_... for "
        "example, else other)",
    )
    options.add_argument("--fiscal-period", type=values.period, metavar="PERIOD", help="Q1 2024 to Q4 2024, or FY 2024")
    options.add_argument("--filing-date", type=values.day, metavar="YYYY-MM-DD", help="day of filing")
    options.add_argument("--title", default="", help="title, for people")
    options.add_argument(
        "--content-type", default="", metavar="TYPE", help="a hint, text/html for example; the service finds out"
    )


def _add_upload(commands: Commands) -> None:
    command = add_command(
        commands,
        "upload",
        reports.upload,
        "upload documents and print the ids of the reports",
        "upload 10k_apple_2022.pdf --company Apple\nupload filings/ --company Apple --fiscal-period 'FY 2024'",
    )
    command.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="files, and folders of documents"
    ).complete = FILE  # type: ignore[attr-defined]  # of shtab
    add_document_options(command)


def _add_register(commands: Commands) -> None:
    command = add_command(
        commands,
        "register",
        reports.register,
        "register documents that the service fetches by itself and print the ids of the reports",
        "register s3://filings/10k_apple_2022.pdf --company Apple\n"
        "register file:///srv/filings/10k_apple_2022.htm | fna-reports submit - --watch",
    )
    command.add_argument(
        "uris", nargs="+", metavar="URI", help="where the document is, in a place that the operator has allowed"
    )
    add_request_id(command)
    add_document_options(command)


def _add_reports(commands: Commands) -> None:
    command = add_command(
        commands,
        "reports",
        reports.list_reports,
        "list reports, newest first",
        "reports\nreports --company Apple --status FAILED\nreports --json --limit 0",
    )
    command.add_argument("--company", dest="of_company", metavar="NAME-OR-UUID", help="only reports of this company")
    add_statuses(command, ReportStatus.DESCRIPTOR)
    add_limit(command, 50)


def _add_report(commands: Commands) -> None:
    command = add_command(commands, "report", reports.report, "print a report", "report REPORT_ID")
    add_report(command)


def _add_analysis(commands: Commands) -> None:
    command = add_command(
        commands,
        "analysis",
        reports.analysis,
        "print the analysis of a report",
        "analysis REPORT_ID\nanalysis REPORT_ID --json",
    )
    add_report(command)
    command.add_argument("--analysis-id", type=values.uuid, metavar="ID", help="this one (default: the newest)")


def _add_delta(commands: Commands) -> None:
    command = add_command(
        commands,
        "delta",
        reports.delta,
        "print how a report differs from an earlier one of its company",
        "delta REPORT_ID\ndelta REPORT_ID --base EARLIER_REPORT_ID",
    )
    add_report(command)
    command.add_argument(
        "--base", type=values.uuid, metavar="REPORT_ID", help="compare with this one (default: the previous report)"
    )
