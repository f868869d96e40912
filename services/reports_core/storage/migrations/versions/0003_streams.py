"""What exact streams need: where each event stands among all events, outcomes that wait for a batch, compaction."""

from alembic import op

revision = "0003"
down_revision = "0002"

# Added without a default first: with one, every row of old would be rewritten and get this migration's transaction.
EVENTS = """
ALTER TABLE batch_events ADD COLUMN xact xid8, ADD COLUMN status text;
ALTER TABLE batch_events ALTER COLUMN xact SET DEFAULT pg_current_xact_id();
CREATE INDEX batch_events_xact ON batch_events (xact, batch_id, sequence);
COMMENT ON COLUMN batch_events.xact IS 'Transaction of the event: with a snapshot it tells what a stream has seen.';
COMMENT ON COLUMN batch_events.status IS 'Status of the batch after the event.';
"""

# Unlogged: a crash of PostgreSQL takes the workers' connections along, and they hand their outcomes in again. What the
# tables of items, analyses and reports would refuse is refused here, where it is nobody else's trouble.
OUTCOMES = """
CREATE UNLOGGED TABLE batch_outcomes (
    batch_id uuid NOT NULL,
    position int NOT NULL,
    attempt int NOT NULL,
    analysis_id uuid,
    model_version text,
    optimism double precision CHECK (optimism BETWEEN 0 AND 1),
    risk double precision CHECK (risk BETWEEN 0 AND 1),
    uncertainty double precision CHECK (uncertainty BETWEEN 0 AND 1),
    document jsonb,
    content_type text,
    processing_time interval NOT NULL,
    error_reason text,
    error_message text,
    retryable boolean,
    handed_in_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (batch_id, position, attempt),
    CHECK (num_nonnulls(analysis_id, model_version, optimism, risk, uncertainty, document, content_type) IN (0, 7)),
    CHECK (num_nonnulls(error_reason, error_message, retryable) IN (0, 3)),
    CHECK (num_nonnulls(analysis_id, error_reason) <= 1)
);
COMMENT ON TABLE batch_outcomes IS 'How attempts ended, until whoever next has the lock of the batch applies it.';
"""

CANCELLATION = """
ALTER TABLE batches ADD COLUMN cancel_requested_at timestamptz;
"""

# The history of a batch goes as a whole, some time after its end. `compacted_xact` is the newest transaction whose
# events may be gone: a stream that has not seen it cannot be continued.
COMPACTION = """
ALTER TABLE batches ADD COLUMN compacted_at timestamptz;
CREATE INDEX batches_to_compact ON batches (processed_at) WHERE processed_at IS NOT NULL AND compacted_at IS NULL;
CREATE TABLE event_horizon (
    is_the_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_row),
    compacted_xact xid8 NOT NULL
);
INSERT INTO event_horizon (compacted_xact) VALUES ('0');
COMMENT ON TABLE event_horizon IS 'One row: events of this transaction or earlier ones may be gone.';
"""


def upgrade() -> None:
    """Add what the previous release does not miss: it goes on beside this one."""
    for statements in (EVENTS, OUTCOMES, CANCELLATION, COMPACTION):
        op.execute(statements)
