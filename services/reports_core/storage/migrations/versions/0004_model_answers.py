"""Where the answers of a language model are kept, for all workers and across their restarts."""

from alembic import op

revision = "0004"
down_revision = "0003"

ANSWERS = """
CREATE TABLE model_answers (
    request_sha256 text PRIMARY KEY CHECK (request_sha256 ~ '^[0-9a-f]{64}$'),
    answer jsonb NOT NULL CHECK (jsonb_typeof(answer) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX model_answers_age ON model_answers (created_at);
COMMENT ON TABLE model_answers IS 'Answers of a language model by the SHA-256 of the request; deleted after 30 days.';
"""


def upgrade() -> None:
    """Add a table that the previous release does not know."""
    op.execute(ANSWERS)
