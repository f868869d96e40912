"""Answers of a language model, kept by the content of the request, so that nobody pays for the same answer twice."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from reports_core.storage.records import Json
from reports_core.storage.transactions import commit_without_the_disk

_GET = text("SELECT answer FROM model_answers WHERE request_sha256 = :request_sha256").columns(answer=JSONB)
# Of two that asked at once the first one counts, as for everybody who asks later.
_PUT = text("""
    INSERT INTO model_answers (request_sha256, answer) VALUES (:request_sha256, :answer) ON CONFLICT DO NOTHING
""").bindparams(bindparam("answer", type_=JSONB))
_EXPIRE = text("DELETE FROM model_answers WHERE created_at < now() - :expires")


def get(conn: Connection, request_sha256: str) -> Json | None:
    """Return the answer that an equal request was given, None when none is kept."""
    answer: Json | None = conn.execute(_GET, {"request_sha256": request_sha256}).scalar_one_or_none()
    return answer


def put(conn: Connection, request_sha256: str, answer: Json) -> None:
    """Keep the answer to a request, unless there is one; a crash of PostgreSQL may lose it."""
    commit_without_the_disk(conn)
    conn.execute(_PUT, {"request_sha256": request_sha256, "answer": answer})


def expire(conn: Connection, expires: timedelta) -> None:
    """Delete answers that are older."""
    conn.execute(_EXPIRE, {"expires": expires})
