"""The subcommands about reports: upload, register, reports, report, analysis, delta."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fna.reports.cli.documents import find_documents
from fna.reports.cli.exits import Exit
from fna.reports.cli.names import report_statuses
from fna.reports.cli.problems import explain
from fna.reports.cli.session import Session
from fna.reports.cli.tables import REPORT_TABLE, print_table, report_row
from fna.reports.cli.text import analysis_text, delta_text, report_text
from fna.reports.cli.uploading import Uploads, description
from fna.reports.company import company_id
from fna.reports.errors import InvalidRequestError, LimitExceededError
from fna.reports.v1.report_pb2 import Report


def upload(session: Session, arguments: argparse.Namespace) -> Exit:
    """Upload documents and print the ids of the reports."""
    session.ending.last_words = lambda: "What is uploaded stays; run the same command again for the rest."
    result = Exit.OK
    documents = find_documents(arguments.paths)
    with Uploads(session, arguments, documents) as uploads:
        for path in documents:
            report = uploads.upload(path)
            if report is None:
                result = Exit.ERROR
            else:
                with uploads.paused():
                    _print_id(session, report, str(path))
    return result


def register(session: Session, arguments: argparse.Namespace) -> Exit:
    """Register documents that the service fetches, and print the ids of the reports."""
    result = Exit.OK
    for uri in arguments.uris:
        try:
            report = session.client.register(
                uri,
                request_id=arguments.request_id if len(arguments.uris) == 1 else None,
                **description(session, arguments, Path(uri)),
            )
        except (InvalidRequestError, LimitExceededError) as error:
            session.note(f"{uri}: " + "\n".join(explain(error, session.client.target)))
            result = Exit.ERROR
        else:
            _print_id(session, report, uri)
    return result


def list_reports(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print the newest reports."""
    found = session.client.list_reports(
        company_id=company_id(arguments.of_company) if arguments.of_company else None,
        statuses=report_statuses(arguments.status),
        page_size=arguments.limit,
    )
    print_table(session, REPORT_TABLE, ((report, report_row(report)) for report in found), arguments.limit)
    return Exit.OK


def report(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print a report."""
    found = session.client.get_report(arguments.report_id)
    session.print(found, report_text(found))
    return Exit.OK


def analysis(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print the analysis of a report."""
    found = session.client.get_analysis(arguments.report_id, arguments.analysis_id)
    session.print(found, analysis_text(found))
    return Exit.OK


def delta(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print how the narrative of a report differs from that of an earlier one."""
    found = session.client.get_delta(arguments.report_id, arguments.base)
    session.print(found, delta_text(found))
    return Exit.OK


def _print_id(session: Session, report: Report, source: str) -> None:
    # The bare id suits a pipe; who looks at it wants to know which file it is.
    session.print(report, [f"{report.report_id}  {source}" if sys.stdout.isatty() else report.report_id])
