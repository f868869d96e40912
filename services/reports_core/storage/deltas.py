"""Narrative deltas: an analysis and that of the report it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from reports_core.domain import narrative_delta
from reports_core.domain.errors import InvalidRequest, PreviousReportNotFound
from reports_core.domain.narrative_delta import NarrativeDelta
from reports_core.storage import analyses, reports
from reports_core.storage.records import Report, StoredAnalysis

# When a report is of: the end of its fiscal period, else its day of filing, else when it was registered. Of one period
# nothing is before: an amendment is compared with the period before, as is what it amends.
_MOMENT = r"""
    CASE WHEN {report}.fiscal_period ~ '^Q[1-4] [1-9][0-9]{{3}}$'
            THEN make_timestamptz(right({report}.fiscal_period, 4)::int, 3 * substr({report}.fiscal_period, 2, 1)::int,
                28, 0, 0, 0, 'UTC')
        WHEN {report}.fiscal_period ~ '^FY [1-9][0-9]{{3}}$'
            THEN make_timestamptz(right({report}.fiscal_period, 4)::int, 12, 28, 0, 0, 0, 'UTC')
        ELSE coalesce({report}.filing_date::timestamp AT TIME ZONE 'UTC', {report}.created_at) END
"""
# The index on owner, company and content leads to the reports of a company.
_PREVIOUS = text(f"""
    SELECT base.* FROM reports later JOIN reports base USING (owner, company_id, report_type)
    WHERE later.report_id = :report_id AND base.latest_analysis_id IS NOT NULL
        AND ({_MOMENT.format(report="base")}) < ({_MOMENT.format(report="later")})
    ORDER BY ({_MOMENT.format(report="base")}) DESC, base.created_at DESC, base.report_id DESC LIMIT 1
""")  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class StoredDelta:
    """A comparison, and what was compared."""

    report: Report
    base: Report
    analysis: StoredAnalysis
    base_analysis: StoredAnalysis
    delta: NarrativeDelta


def get(conn: Connection, owner: str, report_id: UUID, base_report_id: UUID | None = None) -> StoredDelta:
    """Compare the newest analysis of a report with that of another, by default of the previous one.

    Raises ReportsNotFound, AnalysisNotReady, AnalysisNotFound, PreviousReportNotFound and InvalidRequest.
    """
    report = reports.get(conn, owner, report_id)
    analysis = analyses.get(conn, owner, report_id)
    base = _given(conn, report, owner, base_report_id) if base_report_id else _previous(conn, report)
    base_analysis = analyses.get(conn, owner, base.report_id)
    compared = narrative_delta.compare(analysis.analysis, base_analysis.analysis)
    return StoredDelta(report, base, analysis, base_analysis, compared)


def _given(conn: Connection, report: Report, owner: str, base_report_id: UUID) -> Report:
    if base_report_id == report.report_id:
        raise InvalidRequest(
            "base_report_id", "is the report itself; name an earlier one, or none for the previous one"
        )
    base = reports.get(conn, owner, base_report_id)
    if base.company_id != report.company_id:
        raise InvalidRequest(
            "base_report_id", "is a report of another company; a narrative is compared with its own past"
        )
    return base


def _previous(conn: Connection, report: Report) -> Report:
    row = conn.execute(_PREVIOUS, {"report_id": report.report_id}).one_or_none()
    if row is None:
        raise PreviousReportNotFound(report.report_id)
    return Report.of(row)
