"""Stored analyses of reports."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from reports_core.domain.analysis import ReportAnalysis, from_document
from reports_core.domain.errors import AnalysisNotFound, AnalysisNotReady, ReportsNotFound
from reports_core.storage.records import JSON_COLUMNS, Json, StoredAnalysis

_REPORT = text("""
    SELECT status, latest_analysis_id FROM reports WHERE report_id = :report_id AND owner = :owner
""")
_GET = text("""
    SELECT * FROM report_analyses WHERE analysis_id = :analysis_id AND report_id = :report_id
""").columns(document=JSON_COLUMNS["document"])
_FIND = text("SELECT * FROM report_analyses WHERE analysis_id = ANY(CAST(:analysis_ids AS uuid[]))").columns(
    document=JSON_COLUMNS["document"]
)


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
    return _stored(row)


def find(conn: Connection, analysis_ids: Collection[UUID]) -> dict[UUID, StoredAnalysis]:
    """Return the analyses with these ids, whoever owns them, as far as there are any."""
    rows = conn.execute(_FIND, {"analysis_ids": list(analysis_ids)}) if analysis_ids else ()
    return {row.analysis_id: _stored(row) for row in rows}


def _stored(row: Row[Any]) -> StoredAnalysis:
    analysis = from_document(row.document)
    return StoredAnalysis(row.analysis_id, row.report_id, analysis, row.processing_time, row.completed_at)


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
