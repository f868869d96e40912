"""Takes away the tables of kombu's SQLAlchemy transport, in whose place `kombu_postgres` puts its own.

And widens the ids of results: one that is stored again uses up an id, although it keeps its row.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

# The names are those of the tables that follow, so the shape tells them apart. Messages of ours need not be kept: the
# sweep finds that they are missing, and puts them again. Those of somebody else are not ours to delete.
TAKE_AWAY = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute
            WHERE attrelid = to_regclass('kombu_message') AND attname = 'queue_id' AND NOT attisdropped) THEN
        RETURN;
    END IF;
    -- In the order of the old workers, which still run.
    LOCK TABLE kombu_queue, kombu_message;
    IF EXISTS (SELECT FROM kombu_message m JOIN kombu_queue q ON q.id = m.queue_id
            WHERE m.visible AND q.name NOT IN ('batch_processing', 'report_processing', 'default')) THEN
        RAISE EXCEPTION 'kombu_message holds messages of another application: use another database, or delete them';
    END IF;
    DROP TABLE kombu_message, kombu_queue;
    DROP SEQUENCE IF EXISTS message_id_sequence, queue_id_sequence;
END $$
"""


WIDEN = (
    "ALTER TABLE celery_taskmeta ALTER COLUMN id TYPE bigint",
    "ALTER TABLE celery_tasksetmeta ALTER COLUMN id TYPE bigint",
)


def upgrade() -> None:
    """Drop the old queue, where there is one."""
    op.execute(TAKE_AWAY)
    for statement in WIDEN:
        op.execute(statement)
