"""Webhooks: where they go, the secrets they are signed with, and every delivery with its attempts."""

from alembic import op

revision = "0005"
down_revision = "0004"

BATCHES = "ALTER TABLE batches ADD COLUMN webhook_url text CHECK (length(webhook_url) BETWEEN 1 AND 2048)"

SETTINGS = """
CREATE TABLE webhook_settings (
    owner text PRIMARY KEY,
    url text CHECK (length(url) BETWEEN 1 AND 2048),
    secret text NOT NULL,
    secret_created_at timestamptz NOT NULL DEFAULT now(),
    previous_secret text,
    previous_secret_until timestamptz,
    CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))
);
COMMENT ON TABLE webhook_settings IS 'Of each owner: the URL of batches without one, and the secrets of signatures.';
"""

# At most one for each execution: two who end a batch are one after the other under its lock, and this is the proof.
DELIVERIES = """
CREATE TABLE webhook_deliveries (
    delivery_id uuid PRIMARY KEY,
    batch_id uuid NOT NULL,
    task_id uuid NOT NULL UNIQUE,
    owner text NOT NULL,
    url text NOT NULL,
    payload jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'RETRYING', 'DELIVERED', 'FAILED')),
    attempt int NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0,
    attempts jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(attempts) = 'array'),
    next_attempt_at timestamptz DEFAULT now(),
    dispatched_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    CHECK ((next_attempt_at IS NOT NULL) = (status IN ('PENDING', 'RETRYING'))),
    CHECK ((delivered_at IS NOT NULL) = (status = 'DELIVERED'))
);
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (next_attempt_at) WHERE status IN ('PENDING', 'RETRYING');
CREATE INDEX webhook_deliveries_batch ON webhook_deliveries (batch_id, created_at);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);
COMMENT ON TABLE webhook_deliveries IS 'Webhooks and their attempts; deleted 30 days after the end of the execution.';
COMMENT ON COLUMN webhook_deliveries.attempt IS 'Attempts that are over, of all rounds; the fence against late ones.';
COMMENT ON COLUMN webhook_deliveries.failures IS 'Failed attempts since the last time it was asked for.';
"""


def upgrade() -> None:
    """Add what the previous release does not know: a batch that it ends has no webhook."""
    for statements in (BATCHES, SETTINGS, DELIVERIES):
        op.execute(statements)
