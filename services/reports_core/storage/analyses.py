"""Stored analyses of reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from reports_core.domain.analysis import (
    Metric,
    ModelFinding,
    ModelReview,
    ReportAnalysis,
    RiskIndicator,
    Score,
    Section,
    Theme,
)
from reports_core.domain.errors import AnalysisNotFound, AnalysisNotReady, ReportsNotFound
from reports_core.storage.records import JSON_COLUMNS, Json, StoredAnalysis

_REPORT = text("""
    SELECT status, latest_analysis_id FROM reports WHERE report_id = :report_id AND owner = :owner
""")
_GET = text("""
    SELECT * FROM report_analyses WHERE analysis_id = :analysis_id AND report_id = :report_id
""").columns(document=JSON_COLUMNS["document"])


def columns(analysis: ReportAnalysis | None) -> dict[str, object]:
    """Return the columns of an analysis; all are null for none."""
    return {
        "model_version": analysis and analysis.model_version,
        "optimism": analysis and analysis.optimism.value,
        "risk": analysis and analysis.risk.value,
        "uncertainty": analysis and analysis.uncertainty.value,
        "document": analysis and _document(analysis),
    }


def get(conn: Connection, owner: str, report_id: UUID, analysis_id: UUID | None = None) -> StoredAnalysis:
    """Return an analysis of a report, by default the newest completed one.

    Raises ReportsNotFound, AnalysisNotReady and AnalysisNotFound.
    """
    report = conn.execute(_REPORT, {"report_id": report_id, "owner": owner}).one_or_none()
    if report is None:
        raise ReportsNotFound([str(report_id)])
    wanted = analysis_id or report.latest_analysis_id
    if wanted is None:
        raise _none_yet(report_id, report.status)
    row = conn.execute(_GET, {"analysis_id": wanted, "report_id": report_id}).one_or_none()
    if row is None:
        raise AnalysisNotFound(f"report {report_id} has no analysis {wanted}", analysis_id=str(wanted))
    return StoredAnalysis(row.analysis_id, row.report_id, _analysis(row), row.processing_time, row.completed_at)


def _document(analysis: ReportAnalysis) -> Json:
    """Return the analysis as JSON; without a review as the release before wrote it, which may have to read it."""
    document = asdict(analysis)
    if analysis.model_review is None:
        del document["model_review"]
    return document


def _none_yet(report_id: UUID, status: str) -> Exception:
    if status == "PROCESSING":
        return AnalysisNotReady(report_id)
    hint = "its last analysis failed, see its batch" if status == "FAILED" else "submit it in a batch first"
    return AnalysisNotFound(f"report {report_id} has no analysis; {hint}", report_id=str(report_id))


def _analysis(row: Row[Any]) -> ReportAnalysis:
    document = row.document
    return ReportAnalysis(
        **document
        | {
            "optimism": Score(**document["optimism"]),
            "risk": Score(**document["risk"]),
            "uncertainty": Score(**document["uncertainty"]),
            "key_themes": tuple(Theme(**theme) for theme in document["key_themes"]),
            "risk_indicators": tuple(RiskIndicator(**indicator) for indicator in document["risk_indicators"]),
            "sections": tuple(_section(section) for section in document["sections"]),
            "financial_metrics": tuple(Metric(**metric) for metric in document["financial_metrics"]),
            "warnings": tuple(document["warnings"]),
            "model_review": _review(document.get("model_review")),
        }
    )


def _section(section: dict[str, Any]) -> Section:
    scores = {name: Score(**section[name]) for name in ("optimism", "risk", "uncertainty")}
    return Section(**section | scores)


def _review(review: Json | None) -> ModelReview | None:
    if review is None:
        return None
    findings = tuple(ModelFinding(**finding) for finding in review["findings"])
    return ModelReview(**review | {"findings": findings})
