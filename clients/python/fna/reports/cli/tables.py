"""Lists as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from google.protobuf.message import Message

from fna.reports.cli.names import bare_name, report_type_name
from fna.reports.cli.session import Session
from fna.reports.cli.summary import answer_text, error_text, labels_text
from fna.reports.cli.times import time_text
from fna.reports.v1.batch_pb2 import Batch, BatchItem, BatchItemStatus, BatchStatus
from fna.reports.v1.batch_status_service_pb2 import BatchResult
from fna.reports.v1.report_pb2 import Report, ReportStatus
from fna.reports.v1.webhook_pb2 import WebhookDelivery, WebhookDeliveryStatus

_MOST_THEMES = 3


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a table with their widths; rows are printed as they come, so that those are fixed."""

    columns: tuple[tuple[str, int], ...]

    def heading(self) -> str:
        """Return the line above the rows."""
        return self.row([name for name, _ in self.columns])

    def row(self, cells: Sequence[object]) -> str:
        """Return one line."""
        pairs = zip(cells, self.columns, strict=True)
        return "  ".join(f"{cell!s:<{width}}" for cell, (_, width) in pairs).rstrip()


BATCH_TABLE = Table(
    (
        ("BATCH", 36),
        ("STATUS", 19),
        ("REPORTS", 7),
        ("OK", 6),
        ("FAILED", 6),
        ("CANCELLED", 9),
        ("SUBMITTED", 20),
        ("LABELS", 0),
    )
)
ITEM_TABLE = Table((("#", 5), ("REPORT", 36), ("STATUS", 10), ("ATTEMPTS", 8), ("DETAIL", 0)))
REPORT_TABLE = Table(
    (("REPORT", 36), ("TYPE", 6), ("PERIOD", 7), ("FILED", 10), ("STATUS", 10), ("UPLOADED", 20), ("FILE", 0))
)
RESULT_TABLE = Table(
    (
        ("#", 5),
        ("REPORT", 36),
        ("TYPE", 6),
        ("STATUS", 10),
        ("OPTIMISM", 8),
        ("RISK", 4),
        ("UNCERTAINTY", 11),
        ("FILE AND THEMES, OR ERROR", 0),
    )
)
DELIVERY_TABLE = Table((("DELIVERY", 36), ("STATUS", 9), ("ATTEMPTS", 8), ("OVER", 20), ("URL AND ANSWER", 0)))


def print_table(
    session: Session, table: Table, rows: Iterable[tuple[Message, Sequence[object]]], limit: int = 0
) -> None:
    """Print rows as they come, at most `limit` unless it is 0; with --json the messages that they are of."""
    count = 0
    for count, (message, cells) in enumerate(islice(rows, limit or None), 1):
        line = table.row(cells)
        session.print(message, [line] if count > 1 else [table.heading(), line])
    if not count:
        session.note("There are none.")


def batch_row(batch: Batch) -> tuple[object, ...]:
    """Return the cells of a batch."""
    return (
        batch.batch_id,
        bare_name(BatchStatus.DESCRIPTOR, batch.status),
        batch.total_reports,
        batch.successful,
        batch.failed,
        batch.cancelled,
        time_text(batch.created_at),
        labels_text(batch.labels),
    )


def item_row(item: BatchItem) -> tuple[object, ...]:
    """Return the cells of an item."""
    detail = error_text(item.error) if item.HasField("error") else item.step or item.analysis_id
    return item.position, item.report_id, bare_name(BatchItemStatus.DESCRIPTOR, item.status), item.attempt_count, detail


def report_row(report: Report) -> tuple[object, ...]:
    """Return the cells of a report."""
    return (
        report.report_id,
        report_type_name(report.report_type),
        report.fiscal_period,
        report.filing_date,
        bare_name(ReportStatus.DESCRIPTOR, report.status),
        time_text(report.created_at),
        report.file_name or report.source_uri or report.title,
    )


def result_row(result: BatchResult) -> tuple[object, ...]:
    """Return the cells of a result."""
    item, report, analysis = result.item, result.report, result.analysis
    analysed = result.HasField("analysis")
    themes = ", ".join(theme.label for theme in analysis.key_themes[:_MOST_THEMES])
    told = error_text(item.error) if item.HasField("error") else themes
    return (
        item.position,
        item.report_id,
        report_type_name(report.report_type),
        bare_name(BatchItemStatus.DESCRIPTOR, item.status),
        *(
            f"{score.value:.2f}" if analysed else ""
            for score in (analysis.optimism, analysis.risk, analysis.uncertainty)
        ),
        ": ".join(text for text in (report.file_name or report.title, told) if text),
    )


def delivery_row(delivery: WebhookDelivery) -> tuple[object, ...]:
    """Return the cells of a webhook."""
    return (
        delivery.delivery_id,
        bare_name(WebhookDeliveryStatus.DESCRIPTOR, delivery.status),
        delivery.attempt_count,
        time_text(delivery.created_at),
        "  ".join(
            text for text in (delivery.url, answer_text(delivery.attempts[-1]) if delivery.attempts else "") if text
        ),
    )
