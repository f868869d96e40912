"""Reports, batches, executions, items, events and analyses, and Celery's tables for queue and results."""

from alembic import op

revision = "0001"
down_revision = None

REPORTS = """
CREATE TABLE reports (
    report_id uuid PRIMARY KEY,
    owner text NOT NULL,
    company_id uuid NOT NULL,
    report_type text NOT NULL CHECK (report_type IN ('10_K', '10_Q', '8_K', 'ANNUAL', 'OTHER')),
    title text NOT NULL DEFAULT '' CHECK (length(title) <= 512),
    file_name text NOT NULL DEFAULT '' CHECK (length(file_name) <= 255),
    source_uri text NOT NULL DEFAULT '' CHECK (length(source_uri) <= 2048),
    fiscal_period text NOT NULL DEFAULT '',
    filing_date date,
    content_type text NOT NULL,
    content_size_bytes bigint NOT NULL CHECK (content_size_bytes > 0),
    content_sha256 text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')),
    latest_analysis_id uuid,
    request_id uuid,
    request_fingerprint text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (status <> 'COMPLETED' OR latest_analysis_id IS NOT NULL),
    UNIQUE (owner, company_id, content_sha256),
    UNIQUE (owner, request_id)
);
CREATE INDEX reports_listing ON reports (owner, created_at DESC, report_id DESC);
"""

BATCHES = """
CREATE TABLE batches (
    batch_id uuid PRIMARY KEY,
    owner text NOT NULL,
    request_id uuid,
    request_fingerprint text,
    task_id uuid NOT NULL,
    status text NOT NULL CHECK (status IN
        ('PROCESSING', 'CANCELLING', 'COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED', 'CANCELLED')),
    total_reports int NOT NULL CHECK (total_reports BETWEEN 1 AND 10000),
    successful int NOT NULL DEFAULT 0 CHECK (successful >= 0),
    failed int NOT NULL DEFAULT 0 CHECK (failed >= 0),
    cancelled int NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    running int NOT NULL DEFAULT 0 CHECK (running >= 0),
    labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    execution_timeout interval CHECK (execution_timeout > interval '0'),
    execution_count int NOT NULL DEFAULT 1 CHECK (execution_count >= 1),
    cancel_reason text NOT NULL DEFAULT '',
    last_sequence bigint NOT NULL DEFAULT 0 CHECK (last_sequence >= 0),
    oldest_sequence bigint NOT NULL DEFAULT 1 CHECK (oldest_sequence >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    processed_at timestamptz,
    CHECK (successful + failed + cancelled + running <= total_reports),
    CHECK ((status IN ('PROCESSING', 'CANCELLING')) = (processed_at IS NULL)),
    CHECK ((processed_at IS NULL) = (successful + failed + cancelled < total_reports)),
    UNIQUE (owner, request_id)
) WITH (fillfactor = 70);
CREATE INDEX batches_listing ON batches (owner, created_at DESC, batch_id DESC);
CREATE INDEX batches_labels ON batches USING gin (labels jsonb_path_ops);

CREATE TABLE batch_executions (
    task_id uuid PRIMARY KEY,
    batch_id uuid NOT NULL REFERENCES batches ON DELETE CASCADE,
    execution int NOT NULL CHECK (execution >= 1),
    status text NOT NULL CHECK (status IN
        ('PROCESSING', 'CANCELLING', 'COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED', 'CANCELLED')),
    successful int,
    failed int,
    cancelled int,
    request_id uuid,
    request_fingerprint text,
    created_at timestamptz NOT NULL DEFAULT now(),
    deadline_at timestamptz,
    dispatched_at timestamptz,
    started_at timestamptz,
    processed_at timestamptz,
    first_sequence bigint NOT NULL CHECK (first_sequence >= 1),
    final_sequence bigint CHECK (final_sequence >= first_sequence),
    CHECK ((status IN ('PROCESSING', 'CANCELLING')) = (processed_at IS NULL)),
    CHECK ((processed_at IS NULL) = (final_sequence IS NULL)),
    CHECK ((processed_at IS NULL) = (num_nulls(successful, failed, cancelled) > 0)),
    UNIQUE (batch_id, execution),
    UNIQUE (batch_id, request_id)
) WITH (fillfactor = 70);
CREATE INDEX batch_executions_open ON batch_executions (created_at) WHERE processed_at IS NULL;
COMMENT ON COLUMN batch_executions.successful IS 'This counter and the next two are set when the execution is over.';

CREATE TABLE batch_items (
    batch_id uuid NOT NULL,
    position int NOT NULL CHECK (position >= 0),
    report_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'PENDING' CHECK (status IN
        ('PENDING', 'PROCESSING', 'RETRYING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    attempt int NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    failures int NOT NULL DEFAULT 0 CHECK (failures >= 0),
    lost_workers int NOT NULL DEFAULT 0 CHECK (lost_workers >= 0),
    message_id uuid,
    dispatch_count int NOT NULL DEFAULT 0 CHECK (dispatch_count >= 0),
    dispatched_at timestamptz,
    lease_owner uuid,
    lease_expires_at timestamptz,
    analysis_id uuid,
    error_reason text,
    error_message text,
    step text,
    progress real CHECK (progress BETWEEN 0 AND 1),
    next_attempt_at timestamptz,
    started_at timestamptz,
    processed_at timestamptz,
    PRIMARY KEY (batch_id, position),
    UNIQUE (batch_id, report_id),
    CHECK ((status = 'PROCESSING') = (lease_owner IS NOT NULL)),
    CHECK ((status = 'PROCESSING') = (lease_expires_at IS NOT NULL)),
    CHECK ((status = 'RETRYING') = (next_attempt_at IS NOT NULL)),
    CHECK ((status = 'COMPLETED') = (analysis_id IS NOT NULL)),
    CHECK ((status IN ('COMPLETED', 'FAILED', 'CANCELLED')) = (processed_at IS NOT NULL)),
    CHECK (status <> 'FAILED' OR error_reason IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX batch_items_leases ON batch_items (lease_expires_at) WHERE status = 'PROCESSING';
CREATE INDEX batch_items_retries ON batch_items (next_attempt_at) WHERE status = 'RETRYING';

CREATE TABLE execution_items (
    task_id uuid NOT NULL REFERENCES batch_executions ON DELETE CASCADE,
    position int NOT NULL,
    report_id uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('COMPLETED', 'FAILED', 'CANCELLED')),
    attempt int NOT NULL,
    analysis_id uuid,
    error_reason text,
    error_message text,
    started_at timestamptz,
    processed_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, position)
);
COMMENT ON TABLE execution_items IS 'How each item ended in an execution that a later one followed.';

CREATE TABLE batch_events (
    batch_id uuid NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 1),
    kind text NOT NULL CHECK (kind IN ('STATUS_CHANGED', 'ITEM_CHANGED', 'ITEMS_CHANGED')),
    data jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (batch_id, sequence)
);
"""

ANALYSES = """
CREATE TABLE report_analyses (
    analysis_id uuid PRIMARY KEY,
    report_id uuid NOT NULL REFERENCES reports ON DELETE CASCADE,
    owner text NOT NULL,
    task_id uuid NOT NULL,
    model_version text NOT NULL,
    optimism double precision NOT NULL CHECK (optimism BETWEEN 0 AND 1),
    risk double precision NOT NULL CHECK (risk BETWEEN 0 AND 1),
    uncertainty double precision NOT NULL CHECK (uncertainty BETWEEN 0 AND 1),
    document jsonb NOT NULL,
    processing_time interval NOT NULL,
    completed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (task_id, report_id)
);
CREATE INDEX report_analyses_newest ON report_analyses (report_id, completed_at DESC);
"""

# The names and columns that Celery's own database backend uses, with `result` as readable text instead of bytes.
RESULTS = """
CREATE SEQUENCE IF NOT EXISTS task_id_sequence;
CREATE SEQUENCE IF NOT EXISTS taskset_id_sequence;
CREATE TABLE IF NOT EXISTS celery_taskmeta (
    id int PRIMARY KEY DEFAULT nextval('task_id_sequence'),
    task_id varchar(155) UNIQUE,
    status varchar(50),
    result text,
    date_done timestamp,
    traceback text,
    children text
);
CREATE INDEX IF NOT EXISTS ix_celery_taskmeta_date_done ON celery_taskmeta (date_done);
CREATE TABLE IF NOT EXISTS celery_tasksetmeta (
    id int PRIMARY KEY DEFAULT nextval('taskset_id_sequence'),
    taskset_id varchar(155) UNIQUE,
    result text,
    date_done timestamp
);
CREATE INDEX IF NOT EXISTS ix_celery_tasksetmeta_date_done ON celery_tasksetmeta (date_done);
"""

# The names and columns of kombu's SQLAlchemy transport, which makes them itself where they are missing.
QUEUE = """
CREATE SEQUENCE IF NOT EXISTS queue_id_sequence;
CREATE SEQUENCE IF NOT EXISTS message_id_sequence;
CREATE TABLE IF NOT EXISTS kombu_queue (
    id int PRIMARY KEY DEFAULT nextval('queue_id_sequence'),
    name varchar(200) UNIQUE
);
CREATE TABLE IF NOT EXISTS kombu_message (
    id int PRIMARY KEY DEFAULT nextval('message_id_sequence'),
    visible boolean,
    timestamp timestamp,
    payload text NOT NULL,
    version smallint NOT NULL,
    queue_id int CONSTRAINT "FK_kombu_message_queue" REFERENCES kombu_queue
);
CREATE INDEX IF NOT EXISTS ix_kombu_message_timestamp ON kombu_message (timestamp);
CREATE INDEX IF NOT EXISTS ix_kombu_message_timestamp_id ON kombu_message (timestamp, id);
CREATE INDEX IF NOT EXISTS ix_kombu_message_visible ON kombu_message (visible);
INSERT INTO kombu_queue (name) VALUES ('batch_processing'), ('report_processing'), ('default')
ON CONFLICT (name) DO NOTHING;
"""


def upgrade() -> None:
    """Create every table; Celery's may exist where the database was used for Celery before."""
    for statements in (REPORTS, BATCHES, ANALYSES, RESULTS, QUEUE):
        op.execute(statements)
