"""Registered reports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from reports_core.domain.batch import ItemStatus, ReportStatus, report_status
from reports_core.domain.errors import ReportsNotFound, RequestIdReused
from reports_core.storage.records import Item, Report

# Without a target, so that both the same content and the same request_id lead to the existing report.
_INSERT = text("""
    INSERT INTO reports (report_id, owner, company_id, report_type, title, file_name, source_uri, fiscal_period,
        filing_date, content_type, content_size_bytes, content_sha256, request_id, request_fingerprint)
    VALUES (:report_id, :owner, :company_id, :report_type, :title, :file_name, :source_uri, :fiscal_period,
        :filing_date, :content_type, :content_size_bytes, :content_sha256, :request_id, :fingerprint)
    ON CONFLICT DO NOTHING RETURNING *
""")
_BY_REQUEST = text("SELECT * FROM reports WHERE owner = :owner AND request_id = :request_id")
_BY_CONTENT = text("""
    SELECT * FROM reports WHERE owner = :owner AND company_id = :company_id AND content_sha256 = :content_sha256
""")
_GET = text("SELECT * FROM reports WHERE report_id = :report_id AND owner = :owner")
_FIND = text("SELECT * FROM reports WHERE report_id = ANY(CAST(:report_ids AS uuid[]))")
_LIST = text("""
    SELECT * FROM reports
    WHERE owner = :owner
        AND (CAST(:company_id AS uuid) IS NULL OR company_id = CAST(:company_id AS uuid))
        AND (CAST(:statuses AS text[]) IS NULL OR status = ANY(CAST(:statuses AS text[])))
        AND (CAST(:before_created_at AS timestamptz) IS NULL
            OR (created_at, report_id) < (CAST(:before_created_at AS timestamptz), CAST(:before_report_id AS uuid)))
    ORDER BY created_at DESC, report_id DESC LIMIT :limit
""")
# Only of reports that waited for another attempt: one that was not started is as it was.
_FOLLOW_ITEMS = text("""
    UPDATE reports r SET updated_at = clock_timestamp(),
        status = CASE WHEN r.latest_analysis_id IS NULL THEN :not_analysed ELSE :analysed_before END
    FROM batch_items i
    WHERE i.batch_id = :batch_id AND i.position = ANY(CAST(:positions AS int[])) AND r.report_id = i.report_id
        AND r.status = 'PROCESSING'
""")
# In the order of the ids, so that two batches of the same reports cannot block each other. A report's status depends on
# whether it was analysed before; only its row, once locked, tells.
_SHOW = text("""
    UPDATE reports r SET updated_at = clock_timestamp(),
        status = CASE WHEN r.latest_analysis_id IS NULL THEN s.not_analysed ELSE s.analysed_before END,
        latest_analysis_id = coalesce(s.analysis_id, r.latest_analysis_id),
        content_type = coalesce(s.content_type, r.content_type)
    FROM (
        SELECT report_id FROM reports WHERE report_id = ANY(CAST(:report_ids AS uuid[]))
        ORDER BY report_id FOR NO KEY UPDATE
    ) AS locked JOIN unnest(CAST(:report_ids AS uuid[]), CAST(:not_analysed AS text[]),
        CAST(:analysed_before AS text[]), CAST(:analysis_ids AS uuid[]), CAST(:content_types AS text[]))
        AS s(report_id, not_analysed, analysed_before, analysis_id, content_type) USING (report_id)
    WHERE r.report_id = s.report_id
""")
_UNKNOWN = text("""
    SELECT s.report_id FROM unnest(CAST(:report_ids AS uuid[])) WITH ORDINALITY AS s(report_id, ordinality)
    WHERE NOT EXISTS (SELECT FROM reports r WHERE r.report_id = s.report_id AND r.owner = :owner)
    ORDER BY s.ordinality
""")


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report to register whose content is stored already; sizes in bytes."""

    owner: str
    company_id: UUID
    report_type: str
    content_type: str
    content_size_bytes: int
    content_sha256: str
    title: str = ""
    file_name: str = ""
    source_uri: str = ""
    fiscal_period: str = ""
    filing_date: date | None = None
    request_id: UUID | None = None

    @property
    def fingerprint(self) -> str:
        """What tells a repeated request from another one with the same `request_id`."""
        parts = (
            str(self.company_id),
            self.report_type,
            self.title,
            self.file_name,
            self.source_uri,
            self.fiscal_period,
            str(self.filing_date),
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Registered:
    """A report, and whether it was known before."""

    report: Report
    already_existed: bool


def register(conn: Connection, new: NewReport) -> Registered:
    """Store a report; return the existing one for the same request or for the same content of the same company.

    Raises RequestIdReused.
    """
    values = {name: getattr(new, name) for name in NewReport.__dataclass_fields__}
    row = conn.execute(_INSERT, {**values, "report_id": uuid4(), "fingerprint": new.fingerprint}).one_or_none()
    if row is not None:
        return Registered(Report.of(row), already_existed=False)
    if new.request_id:
        by_request = conn.execute(_BY_REQUEST, {"owner": new.owner, "request_id": new.request_id}).one_or_none()
        if by_request is not None:
            if by_request.request_fingerprint != new.fingerprint:
                raise RequestIdReused(new.request_id)
            return Registered(Report.of(by_request), already_existed=True)
    same = {"owner": new.owner, "company_id": new.company_id, "content_sha256": new.content_sha256}
    return Registered(Report.of(conn.execute(_BY_CONTENT, same).one()), already_existed=True)


def get(conn: Connection, owner: str, report_id: UUID) -> Report:
    """Return one report. Raises ReportsNotFound."""
    row = conn.execute(_GET, {"report_id": report_id, "owner": owner}).one_or_none()
    if row is None:
        raise ReportsNotFound([str(report_id)])
    return Report.of(row)


def find(conn: Connection, report_ids: Collection[UUID]) -> dict[UUID, Report]:
    """Return the reports with these ids, whoever owns them."""
    return {row.report_id: Report.of(row) for row in conn.execute(_FIND, {"report_ids": list(report_ids)})}


def list_page(
    conn: Connection,
    owner: str,
    *,
    company_id: UUID | None,
    statuses: Collection[ReportStatus],
    limit: int,
    before: tuple[datetime, UUID] | None,
) -> list[Report]:
    """Return at most `limit` reports, newest first, of those older than `before` (`created_at`, `report_id`)."""
    rows = conn.execute(
        _LIST,
        {
            "owner": owner,
            "company_id": company_id,
            "statuses": list(statuses) or None,
            "before_created_at": before[0] if before else None,
            "before_report_id": before[1] if before else None,
            "limit": limit,
        },
    )
    return [Report.of(row) for row in rows]


def follow_items(conn: Connection, batch_id: UUID, positions: Sequence[int], status: ItemStatus) -> None:
    """Give the reports of items that waited the status that follows from their end as `status`."""
    conn.execute(
        _FOLLOW_ITEMS,
        {
            "batch_id": batch_id,
            "positions": positions,
            "not_analysed": report_status(status, analysed_before=False),
            "analysed_before": report_status(status, analysed_before=True),
        },
    )


def show(conn: Connection, items: Sequence[Item], content_types: Sequence[str | None]) -> None:
    """Give the reports of items the status that follows from theirs, and what an analysis found out about each."""
    conn.execute(
        _SHOW,
        {
            "report_ids": [item.report_id for item in items],
            "not_analysed": [report_status(item.status, analysed_before=False) for item in items],
            "analysed_before": [report_status(item.status, analysed_before=True) for item in items],
            "analysis_ids": [item.analysis_id for item in items],
            "content_types": list(content_types),
        },
    )


def unknown(conn: Connection, owner: str, report_ids: Sequence[str]) -> list[str]:
    """Return those of the ids that no report of the owner has, in their order."""
    return [str(row) for row in conn.execute(_UNKNOWN, {"report_ids": list(report_ids), "owner": owner}).scalars()]
