"""The statements of the result backend."""

# Any constant will do, as long as every release uses the same one. Advisory locks are per database, like channels.
_SOMEBODY_WAITS = 7305311940287166

# --- Results ---------------------------------------------------------------------------------------------------------

# One message to the server, and one round trip, for a transaction and a question.
#
# Like Celery's own backends: a result that was stored stays, a repeated run of the task does not replace it.
#
# A notification takes a lock of the whole cluster, so there is one only while somebody waits: waiters share the lock
# that the question tries to have alone. No wake-up is lost. The question is asked after the commit, in a transaction of
# its own; a waiter listens, has the lock, and only then reads. A read that came too early for the result therefore
# came before the commit, so the lock was held when the question was asked. Storers that ask at the same moment may
# take each other for a waiter: that costs a notification, no result.
_STORE = f"""
    BEGIN;
    INSERT INTO celery_taskmeta AS stored (
        task_id, status, result, traceback, children, date_done{{columns}}
    ) VALUES (
        %(task_id)s, %(status)s, %(result)s, %(traceback)s, %(children)s, timezone('utc', now()){{values}}
    )
    ON CONFLICT (task_id) DO UPDATE SET status = excluded.status, result = excluded.result,
        traceback = excluded.traceback, children = excluded.children, date_done = excluded.date_done{{updates}}
    WHERE stored.status <> 'SUCCESS';
    COMMIT;
    SELECT pg_notify('celery_results', %(task_id)s) WHERE NOT pg_try_advisory_xact_lock({_SOMEBODY_WAITS})
"""  # noqa: S608 - columns and a number of our own

EXTENDED_COLUMNS = ("name", "args", "kwargs", "worker", "retries", "queue", "stamps")
"""What `result_extended` keeps beside a result; named as in Celery's own table."""

STORE = _STORE.format(columns="", values="", updates="")
STORE_EXTENDED = _STORE.format(
    columns="".join(f", {name}" for name in EXTENDED_COLUMNS),
    values="".join(f", %({name})s" for name in EXTENDED_COLUMNS),
    updates="".join(f", {name} = excluded.{name}" for name in EXTENDED_COLUMNS),
)

# Every column that the table has; those of `result_extended` may be missing.
GET = "SELECT * FROM celery_taskmeta WHERE task_id = ANY(%(task_ids)s)"
FORGET = "DELETE FROM celery_taskmeta WHERE task_id = %(task_id)s"

SAVE_GROUP = """
    INSERT INTO celery_tasksetmeta (taskset_id, result, date_done)
    VALUES (%(group_id)s, %(result)s, timezone('utc', now()))
    ON CONFLICT (taskset_id) DO UPDATE SET result = excluded.result, date_done = excluded.date_done
"""
GET_GROUP = "SELECT taskset_id, result, date_done FROM celery_tasksetmeta WHERE taskset_id = %(group_id)s"
DELETE_GROUP = "DELETE FROM celery_tasksetmeta WHERE taskset_id = %(group_id)s"

# --- Waiting ---------------------------------------------------------------------------------------------------------

# Behind a pooler the client is told another number than its server's, and a session is not its own.
SERVER_PID = "SELECT pg_backend_pid() AS pid"
# One transaction: once it is over, both hold. The lock is free but for the moments in which a storer asks.
START_WAITING = f"LISTEN celery_results; SELECT pg_advisory_lock_shared({_SOMEBODY_WAITS})"
STOP_WAITING = f"UNLISTEN celery_results; SELECT pg_advisory_unlock_shared({_SOMEBODY_WAITS})"

# --- Chords ----------------------------------------------------------------------------------------------------------

# Frozen chords can be applied again under the same id. What is long over goes on the way, a bounded piece at a time;
# rows that another chord's start is deleting are left to it.
START_CHORD = """
    WITH expired AS (
        SELECT group_id FROM celery_chord WHERE expires_at < now() AND group_id <> %(group_id)s
        ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
    ), without_parts AS (
        DELETE FROM celery_chord_part
        WHERE group_id IN (SELECT group_id FROM expired UNION ALL SELECT %(group_id)s)
    ), gone AS (
        DELETE FROM celery_chord WHERE group_id IN (SELECT group_id FROM expired)
    )
    INSERT INTO celery_chord (group_id, expires_at) VALUES (%(group_id)s, now() + %(expires)s)
    ON CONFLICT (group_id) DO UPDATE
        SET size = NULL, added = 0, returned = 0, finished = false, expires_at = excluded.expires_at
"""
SET_CHORD_SIZE = """
    INSERT INTO celery_chord (group_id, size, expires_at) VALUES (%(group_id)s, %(size)s, now() + %(expires)s)
    ON CONFLICT (group_id) DO UPDATE SET size = excluded.size
"""
ADD_TO_CHORD = """
    INSERT INTO celery_chord AS chord (group_id, added, expires_at) VALUES (%(group_id)s, 1, now() + %(expires)s)
    ON CONFLICT (group_id) DO UPDATE SET added = chord.added + 1
"""
# A part counts once, however often its task runs: only a part that is new raises the counter, under the lock of the
# chord's row. A repeated part of a complete chord is told so too: the first may have died before it called the body.
RETURN_PART = """
    WITH part AS (
        INSERT INTO celery_chord_part (group_id, position, task_id, status, result)
        SELECT %(group_id)s, %(position)s, %(task_id)s, %(status)s, %(result)s
        WHERE NOT EXISTS (SELECT FROM celery_chord WHERE group_id = %(group_id)s AND finished)
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    INSERT INTO celery_chord AS chord (group_id, returned, expires_at)
    SELECT %(group_id)s, count(*), now() + %(expires)s FROM part
    ON CONFLICT (group_id) DO UPDATE SET returned = chord.returned + excluded.returned,
        expires_at = CASE WHEN chord.finished THEN chord.expires_at ELSE excluded.expires_at END
    RETURNING NOT finished AND returned = size + added AS complete
"""
# Whoever comes second waits here until the first is done, or gone: its lock ends with its session.
CLAIM_CHORD = """
    SELECT group_id FROM celery_chord
    WHERE group_id = %(group_id)s AND NOT finished AND returned = size + added FOR UPDATE
"""
GET_PARTS = """
    SELECT task_id, status, result FROM celery_chord_part WHERE group_id = %(group_id)s ORDER BY position, task_id
"""
# The row stays for a while, so that a part that runs again does not begin the chord anew.
FINISH_CHORD = """
    WITH parts AS (DELETE FROM celery_chord_part WHERE group_id = %(group_id)s)
    UPDATE celery_chord SET finished = true, expires_at = now() + interval '10 minutes' WHERE group_id = %(group_id)s
"""
EXPIRE_CHORDS = """
    WITH gone AS (DELETE FROM celery_chord WHERE expires_at < now() RETURNING group_id)
    DELETE FROM celery_chord_part WHERE group_id IN (SELECT group_id FROM gone)
"""
