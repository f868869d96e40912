"""Stored analyses of reports."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from sqlalchemy import Connection, text

from reports_core.domain.analysis import ReportAnalysis, from_document
from reports_core.domain.errors import AnalysisNotFound, AnalysisNotReady, ReportsNotFound
from reports_core.storage.records import JSON_COLUMNS, StoredAnalysis

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
        "document": analysis and asdict(analysis),
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
    return StoredAnalysis(
        row.analysis_id, row.report_id, from_document(row.document), row.processing_time, row.completed_at
    )


def _none_yet(report_id: UUID, status: str) -> Exception:
    if status == "PROCESSING":
        return AnalysisNotReady(report_id)
    hint = "its last analysis failed, see its batch" if status == "FAILED" else "submit it in a batch first"
    return AnalysisNotFound(f"report {report_id} has no analysis; {hint}", report_id=str(report_id))
