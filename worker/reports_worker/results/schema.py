"""The tables, made by whoever finds one missing, safely by many processes at once."""

from __future__ import annotations

from psycopg2 import errors

# The application's migrations hold this lock too: a table that both make at once fails in one of them.
_ALONE = "BEGIN; SELECT pg_advisory_xact_lock(7305311940287164)"

# As Celery makes them, but with text where Celery has bytes that psql does not show, and ids that do not run out.
_RESULTS = """
    CREATE SEQUENCE IF NOT EXISTS task_id_sequence;
    CREATE SEQUENCE IF NOT EXISTS taskset_id_sequence;
    CREATE TABLE IF NOT EXISTS celery_taskmeta (
        id bigint PRIMARY KEY DEFAULT nextval('task_id_sequence'),
        task_id varchar(155) UNIQUE,
        status varchar(50),
        result text,
        date_done timestamp,
        traceback text,
        children text
    );
    CREATE INDEX IF NOT EXISTS ix_celery_taskmeta_date_done ON celery_taskmeta (date_done);
    CREATE TABLE IF NOT EXISTS celery_tasksetmeta (
        id bigint PRIMARY KEY DEFAULT nextval('taskset_id_sequence'),
        taskset_id varchar(155) UNIQUE,
        result text,
        date_done timestamp
    );
    CREATE INDEX IF NOT EXISTS ix_celery_tasksetmeta_date_done ON celery_tasksetmeta (date_done)
"""

# A chord is complete when as many parts have returned as its header has tasks and as were added while it ran.
_CHORDS = """
    CREATE TABLE IF NOT EXISTS celery_chord (
        group_id text PRIMARY KEY,
        size int,
        added int NOT NULL DEFAULT 0,
        returned int NOT NULL DEFAULT 0,
        finished boolean NOT NULL DEFAULT false,
        expires_at timestamptz
    ) WITH (fillfactor = 50);
    CREATE INDEX IF NOT EXISTS ix_celery_chord_expires_at ON celery_chord (expires_at);
    CREATE TABLE IF NOT EXISTS celery_chord_part (
        group_id text,
        position int,
        task_id text,
        status text NOT NULL,
        result text,
        PRIMARY KEY (group_id, position, task_id)
    )
"""

# The type of `args`, `kwargs` and `stamps` differs from Celery's as that of `result` does.
_EXTENDED = """
    ALTER TABLE celery_taskmeta
        ADD COLUMN IF NOT EXISTS name varchar(155),
        ADD COLUMN IF NOT EXISTS args text,
        ADD COLUMN IF NOT EXISTS kwargs text,
        ADD COLUMN IF NOT EXISTS worker varchar(155),
        ADD COLUMN IF NOT EXISTS retries int,
        ADD COLUMN IF NOT EXISTS queue varchar(155),
        ADD COLUMN IF NOT EXISTS stamps text
"""

REMEDIES: dict[type[Exception], str] = {
    errors.UndefinedTable: f"{_ALONE}; {_RESULTS}; {_CHORDS}; COMMIT",
    errors.UndefinedColumn: f"{_ALONE}; {_EXTENDED}; COMMIT",
}
"""What to do about an error that says what is missing."""
