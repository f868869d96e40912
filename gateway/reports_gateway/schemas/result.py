"""The JSON and the table of a batch's results."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, WithJsonSchema

from fna.reports.v1.batch_status_service_pb2 import BatchResult as BatchResultMessage
from fna.reports.v1.batch_status_service_pb2 import ListBatchResultsRequest
from reports_gateway.schemas.batch import ITEM_STATUS, BatchItem
from reports_gateway.schemas.batch_requests import ItemStatusName
from reports_gateway.schemas.report import Report, ReportAnalysis, Score
from reports_gateway.schemas.wire import OptionalUuid, QueryModel, ResponseModel, demanded

FORMATS = ("json", "jsonl", "csv")


def _format(text: str) -> str:
    if text not in FORMATS:
        raise ValueError(f"must be one of {', '.join(FORMATS)}")
    return text


class BatchResultsQuery(QueryModel):
    """Which results to return, and in which form."""

    format: Annotated[str, AfterValidator(_format), WithJsonSchema({"type": "string", "enum": list(FORMATS)})] = "json"
    """`json`: one object; `jsonl`: an object a line; `csv`: a table for a spreadsheet."""
    status: Annotated[list[ItemStatusName], demanded(uniqueItems=True)] = []
    """One of these; give the parameter several times."""
    task_id: OptionalUuid = ""
    """Return the results as this execution left them, instead of the current one."""

    def message(self, batch_id: str) -> ListBatchResultsRequest:
        return ListBatchResultsRequest(
            batch_id=batch_id, statuses=[ITEM_STATUS.value(name) for name in self.status], task_id=self.task_id
        )


class BatchResult(ResponseModel):
    """One report of a batch and what came of it."""

    item: BatchItem
    report: Report
    analysis: ReportAnalysis | None
    """Null unless the item succeeded."""

    @classmethod
    def of(cls, message: BatchResultMessage) -> Self:
        return cls(
            item=BatchItem.of(message.item),
            report=Report.of(message.report),
            analysis=ReportAnalysis.of(message.analysis) if message.HasField("analysis") else None,
        )


class BatchResults(ResponseModel):
    """The results of a batch in the order of submission."""

    results: list[BatchResult]


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
"""The columns of the table."""


def row(result: BatchResult) -> list[object]:
    """Return the cells of a result in the order of the columns; what is not set is empty."""
    item, report, analysis = result.item, result.report, result.analysis
    error = item.errors[0] if item.errors else None
    return [
        item.position,
        item.report_id,
        report.title,
        report.file_name,
        report.company_id,
        report.report_type,
        report.fiscal_period,
        report.filing_date,
        item.status,
        item.attempt_count,
        error and error.reason,
        error and error.message,
        item.analysis_id,
        *(_analysis_cells(analysis) if analysis else [None] * 10),
        item.processed_at and item.processed_at.isoformat(),
    ]


def _analysis_cells(analysis: ReportAnalysis) -> list[object]:
    return [
        analysis.model_version,
        *_score_cells(analysis.optimism),
        *_score_cells(analysis.risk),
        *_score_cells(analysis.uncertainty),
        sum(section.word_count for section in analysis.sections),
        "; ".join(theme.label for theme in analysis.key_themes),
        " ".join(analysis.warnings),
    ]


def _score_cells(score: Score | None) -> list[object]:
    return [score and score.value, score and score.confidence]
