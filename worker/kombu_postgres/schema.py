"""The tables: made and upgraded by whoever connects first, safely by many processes at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

VERSION = 1
"""The version of the tables that this release needs."""


class SchemaError(Exception):
    """The database holds tables that this release cannot use; the text says what to do."""


class Cursor(Protocol):
    """What is needed of a DB-API cursor."""

    def execute(self, query: str, /) -> object: ...

    def fetchone(self) -> Sequence[object] | None: ...


# Any constant will do, as long as every release uses the same one.
_LOCK = "SELECT pg_advisory_xact_lock(4815926535897932)"

# Not to_regclass(): it takes no lock and so may answer from a catalogue cache older than the wait for ours.
_EXISTS = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'kombu_schema' AND pg_table_is_visible(oid))"
_VERSION = "SELECT max(version) FROM kombu_schema"
_FOREIGN = """
    SELECT EXISTS (
        SELECT FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE c.relname = 'kombu_message' AND pg_table_is_visible(c.oid) AND a.attname = 'queue_id'
    )
"""

_TABLES = """
    CREATE TABLE kombu_schema (version int NOT NULL);

    CREATE TABLE kombu_exchange (
        name text PRIMARY KEY,
        type text NOT NULL CHECK (type IN ('direct', 'topic', 'fanout')),
        durable boolean NOT NULL,
        auto_delete boolean NOT NULL,
        arguments text NOT NULL DEFAULT '{}'
    );

    CREATE TABLE kombu_queue (
        name text PRIMARY KEY,
        auto_delete boolean NOT NULL DEFAULT false,
        expires interval,
        message_ttl interval,
        used_at timestamptz NOT NULL DEFAULT now()
    );

    CREATE TABLE kombu_binding (
        exchange text NOT NULL,
        queue text NOT NULL,
        routing_key text NOT NULL,
        pattern text,
        PRIMARY KEY (exchange, queue, routing_key)
    );
    CREATE INDEX kombu_binding_queue ON kombu_binding (queue);

    -- `rank` is what fairness sets; without a key a message stands where it arrived. `position` is the one order that
    -- claims follow: priority first, then rank; 2^59 leaves room for 5 * 10^14 messages.
    CREATE SEQUENCE kombu_message_id_seq;
    CREATE TABLE kombu_message (
        id bigint PRIMARY KEY DEFAULT nextval('kombu_message_id_seq'),
        queue text NOT NULL,
        visible boolean NOT NULL DEFAULT true,
        payload text NOT NULL,
        timestamp timestamptz NOT NULL DEFAULT now(),
        priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 9),
        due_at timestamptz,
        released_at timestamptz,
        expires_at timestamptz,
        message_id text,
        fairness_key text,
        rank bigint,
        position bigint NOT NULL GENERATED ALWAYS AS
            (((9 - priority)::bigint << 59) + coalesce(rank, id * 1000)) STORED,
        deliveries int NOT NULL DEFAULT 0
    );
    ALTER SEQUENCE kombu_message_id_seq OWNED BY kombu_message.id;
    -- `visible` is in no index: a claim changes no indexed column, so it needs no new index entries (a HOT update), as
    -- long as the page has room for a second version of the row.
    CREATE INDEX kombu_message_ready ON kombu_message (queue, position) WHERE due_at IS NULL;
    CREATE INDEX kombu_message_due ON kombu_message (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX kombu_message_fairness ON kombu_message (queue, fairness_key, position) WHERE fairness_key IS NOT NULL;
    CREATE INDEX kombu_message_expires ON kombu_message (expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX kombu_message_message_id ON kombu_message (message_id);

    CREATE SEQUENCE kombu_consumer_id_seq AS int CYCLE;
    CREATE TABLE kombu_consumer (
        id int PRIMARY KEY DEFAULT nextval('kombu_consumer_id_seq'),
        channel text NOT NULL,
        queues text[] NOT NULL DEFAULT '{}',
        streams text[] NOT NULL DEFAULT '{}',
        host text NOT NULL,
        pid int NOT NULL,
        registered_at timestamptz NOT NULL DEFAULT now(),
        lease_until timestamptz NOT NULL,
        lost_at timestamptz
    );
    ALTER SEQUENCE kombu_consumer_id_seq OWNED BY kombu_consumer.id;

    CREATE TABLE kombu_claim (
        consumer_id int NOT NULL,
        message_id bigint NOT NULL,
        claimed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer_id, message_id)
    );

    -- Every row dies young: what counts is the number of dead rows, not their share. No truncation, because it locks
    -- all others out and the table grows again at once.
    ALTER TABLE kombu_message SET (fillfactor = 70, vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0,
        autovacuum_analyze_threshold = 50000);
    ALTER TABLE kombu_claim SET (vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
    ALTER TABLE kombu_consumer SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

    INSERT INTO kombu_schema VALUES (1);
"""

_UPGRADES: tuple[str, ...] = (_TABLES,)
"""The statements that lead from version `n` to `n + 1`."""


def ensure(cursor: Cursor) -> None:
    """Create or upgrade the tables within the caller's transaction; two short queries when there is nothing to do.

    Raises SchemaError.
    """
    if _version(cursor) == VERSION:
        return
    cursor.execute(_LOCK)
    version = _version(cursor)
    if version > VERSION:
        raise SchemaError(
            f"the queue's tables have version {version}, this release of kombu_postgres knows {VERSION}: "
            "upgrade kombu_postgres"
        )
    if version == 0 and _scalar(cursor, _FOREIGN):
        raise SchemaError(
            "the database has a table kombu_message of another transport (kombu's sqlalchemy): drop its tables "
            "kombu_message and kombu_queue once they are empty, or use another database or search_path"
        )
    for statements in _UPGRADES[version:]:
        cursor.execute(statements)


def _version(cursor: Cursor) -> int:
    return int(str(_scalar(cursor, _VERSION))) if _scalar(cursor, _EXISTS) else 0


def _scalar(cursor: Cursor, query: str) -> object:
    cursor.execute(query)
    row = cursor.fetchone()
    return row[0] if row else None
