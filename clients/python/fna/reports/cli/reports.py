"""The subcommands about reports: upload, report, analysis, delta."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fna.reports.cli.documents import find_documents, guess_report_type
from fna.reports.cli.exits import Exit
from fna.reports.cli.names import REPORT_TYPES
from fna.reports.cli.problems import explain
from fna.reports.cli.session import Session
from fna.reports.cli.text import analysis_text, delta_text, report_text
from fna.reports.company import company_id
from fna.reports.errors import DataLossError, InvalidRequestError, LimitExceededError
from fna.reports.v1.report_pb2 import Report


def upload(session: Session, arguments: argparse.Namespace) -> Exit:
    """Upload documents and print the ids of the reports."""
    result = Exit.OK
    for path in find_documents(arguments.paths):
        report = upload_document(session, path, arguments)
        if report is None:
            result = Exit.ERROR
        else:
            # The bare id suits a pipe; who looks at it wants to know which file it is.
            session.print(report, [f"{report.report_id}  {path}" if sys.stdout.isatty() else report.report_id])
    return result


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


def upload_document(session: Session, path: Path, arguments: argparse.Namespace) -> Report | None:
    """Upload one document, as the options say; None when it was refused, which has been told then."""
    try:
        return session.client.upload(
            path,
            company_id=company_id(arguments.company),
            report_type=REPORT_TYPES[arguments.type] if arguments.type else guess_report_type(path),
            title=arguments.title,
            fiscal_period=arguments.fiscal_period or "",
            filing_date=arguments.filing_date or "",
        )
    except OSError as error:
        session.note(f"{path}: {error.strerror or error}")
    except (InvalidRequestError, LimitExceededError, DataLossError) as error:
        session.note(f"{path}: " + "\n".join(explain(error, session.client.target)))
    return None
