"""Reports to submit, as rows alone: nobody reads their documents here."""

from __future__ import annotations

from sqlalchemy import Connection, text

OWNER = "default"
"""The only owner there is."""

_REGISTER = text("""
    INSERT INTO reports (report_id, owner, company_id, report_type, content_type, content_size_bytes, content_sha256)
    SELECT gen_random_uuid(), :owner, gen_random_uuid(), '10_K', 'text/plain', 1, repeat('a', 64)
    FROM generate_series(1, :count) RETURNING report_id
""")


def register(conn: Connection, count: int) -> list[str]:
    """Register so many reports and return their ids."""
    rows = conn.execute(_REGISTER, {"owner": OWNER, "count": count})
    return [str(report_id) for report_id in rows.scalars()]
