"""The subcommand that prints the results of a batch, as a table or in a form for programs."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterable
from datetime import UTC
from itertools import islice

from google.protobuf.timestamp_pb2 import Timestamp

from fna.reports._status import error_of_status
from fna.reports.cli.exits import Exit
from fna.reports.cli.json_lines import json_line
from fna.reports.cli.names import bare_name, item_statuses
from fna.reports.cli.session import Session
from fna.reports.cli.tables import RESULT_TABLE, print_table, result_row
from fna.reports.v1.batch_pb2 import BatchItemStatus
from fna.reports.v1.batch_status_service_pb2 import BatchResult
from fna.reports.v1.report_pb2 import ReportAnalysis, ReportType

FORMATS = ("table", "csv", "jsonl", "json")
COLUMNS = (
    "position",
    "report_id",
    "title",
    "file_name",
    "company_id",
    "report_type",
    "fiscal_period",
    "filing_date",
    "status",
    "attempt_count",
    "error_reason",
    "error_message",
    "analysis_id",
    "model_version",
    "optimism",
    "optimism_confidence",
    "risk",
    "risk_confidence",
    "uncertainty",
    "uncertainty_confidence",
    "word_count",
    "key_themes",
    "warnings",
    "processed_at",
)
"""The columns of the CSV, which are those that the gateway writes."""

_ANALYSIS_COLUMNS = 10
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell instead of showing it."""


def results(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print the results as they come, page by page."""
    found = session.client.list_results(
        arguments.batch_id,
        task_id=arguments.task_id,
        statuses=item_statuses(arguments.status),
        page_size=arguments.limit,
    )
    form = arguments.format or ("jsonl" if session.json else "table")
    if form == "table":
        print_table(session, RESULT_TABLE, ((result, result_row(result)) for result in found), arguments.limit)
    else:
        _WRITERS[form](islice(found, arguments.limit or None))
    return Exit.OK


def _write_csv(found: Iterable[BatchResult]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for result in found:
        writer.writerow(map(_shown, _cells(result)))
    sys.stdout.flush()


def _write_json_lines(found: Iterable[BatchResult]) -> None:
    for result in found:
        print(json_line(result))
    sys.stdout.flush()


def _write_json(found: Iterable[BatchResult]) -> None:
    separator = ""
    print('{"results": [', end="")
    for result in found:
        print(separator + json_line(result), end="")
        separator = ",\n"
    print("]}", flush=True)


_WRITERS: dict[str, Callable[[Iterable[BatchResult]], None]] = {
    "csv": _write_csv,
    "jsonl": _write_json_lines,
    "json": _write_json,
}


def _cells(result: BatchResult) -> list[object]:
    item, report = result.item, result.report
    error = error_of_status(item.error) if item.HasField("error") else None
    return [
        item.position,
        item.report_id,
        report.title,
        report.file_name,
        report.company_id,
        bare_name(ReportType.DESCRIPTOR, report.report_type),
        report.fiscal_period,
        report.filing_date,
        bare_name(BatchItemStatus.DESCRIPTOR, item.status),
        item.attempt_count,
        error and error.reason,
        error and error.message,
        item.analysis_id,
        *(_analysis_cells(result.analysis) if result.HasField("analysis") else [None] * _ANALYSIS_COLUMNS),
        _time(item.processed_at),
    ]


def _analysis_cells(analysis: ReportAnalysis) -> list[object]:
    return [
        analysis.model_version,
        analysis.optimism.value,
        analysis.optimism.confidence,
        analysis.risk.value,
        analysis.risk.confidence,
        analysis.uncertainty.value,
        analysis.uncertainty.confidence,
        sum(section.word_count for section in analysis.sections),
        "; ".join(theme.label for theme in analysis.key_themes),
        " ".join(analysis.warnings),
    ]


def _shown(cell: object) -> object:
    """Return the cell as one that is shown: titles and file names are what anybody has written."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _time(time: Timestamp) -> str | None:
    return time.ToDatetime(UTC).isoformat() if time.seconds else None
