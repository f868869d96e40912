"""The statements, by name; parameters are written `:name`, see `pyformat` for psycopg2.

What runs once per message is prepared once per session, since planning it costs more than running it. Through a pooler
that gives every transaction another session, publishers do without.
"""

from __future__ import annotations

import re
from functools import cache

# Advisory locks of one schema of one database; a consumer has the class of its purpose and its own id.
_ALIVE = "hashtext(current_schema() || '.kombu_consumer.alive')"
_WAITING = "hashtext(current_schema() || '.kombu_consumer.waiting')"

# Tells whether somebody holds a lock, without keeping it: a lock that stayed until the end of a caller's transaction
# would stand in the way of its owner.
_HELD = (
    "CASE WHEN pg_try_advisory_lock_shared({lock}, {id}) THEN NOT pg_advisory_unlock_shared({lock}, {id}) ELSE true END"
)


@cache
def pyformat(statement: str) -> str:
    """Return a statement with its parameters as psycopg2 wants them."""
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", statement.replace("%", "%%"))


def numbered(statement: str, *names: str) -> str:
    """Return a statement with its parameters as PREPARE wants them."""
    return re.sub(r"(?<!:):(\w+)", lambda match: f"${names.index(match[1]) + 1}", statement)


# --- Publishing ------------------------------------------------------------------------------------------------------

INSERT = """
    INSERT INTO kombu_message (queue, payload, priority, due_at, expires_at, message_id)
    VALUES (:queue, :payload, :priority, CAST(:due_at AS timestamptz),
        now() + least(make_interval(secs => CAST(:expires_in AS float8)),
            (SELECT message_ttl FROM kombu_queue WHERE name = :queue)),
        :message_id)
"""

INSERT_MANY = """
    INSERT INTO kombu_message (queue, payload, priority, due_at, expires_at, message_id)
    SELECT i.queue, i.payload, i.priority, CAST(i.due_at AS timestamptz),
        now() + least(make_interval(secs => i.expires_in), q.message_ttl), i.message_id
    FROM unnest(CAST(:queues AS text[]), CAST(:payloads AS text[]), CAST(:priorities AS int[]),
            CAST(:due_ats AS text[]), CAST(:expires_ins AS float8[]), CAST(:message_ids AS text[])) WITH ORDINALITY
            AS i(queue, payload, priority, due_at, expires_in, message_id, n)
        LEFT JOIN kombu_queue q ON q.name = i.queue
    ORDER BY i.n
"""

# Start-time fair queueing (Goyal, Vin, Cheng 1996): a key's messages stand one stride apart, beginning where its
# own last message stands or where the queue is served right now, whatever is later. So a key that has nothing waiting
# starts at the front, between the messages of keys with a backlog. Without a key `rank` is NULL: the message goes to
# the end.
INSERT_FAIRLY = """
    WITH incoming AS (
        SELECT * FROM unnest(CAST(:queues AS text[]), CAST(:payloads AS text[]), CAST(:priorities AS int[]),
            CAST(:due_ats AS text[]), CAST(:expires_ins AS float8[]), CAST(:message_ids AS text[]),
            CAST(:fairness_keys AS text[]), CAST(:fairness_weights AS int[])) WITH ORDINALITY
            AS i(queue, payload, priority, due_at, expires_in, message_id, fairness_key, fairness_weight, n)
    ), flow AS (
        SELECT DISTINCT queue, priority, fairness_key, CAST(9 - priority AS bigint) << 59 AS low,
            CASE priority WHEN 0 THEN 9223372036854775807 ELSE CAST(10 - priority AS bigint) << 59 END AS high
        FROM incoming WHERE fairness_key IS NOT NULL AND due_at IS NULL
    ), start AS (
        SELECT queue, priority, fairness_key, greatest(
            coalesce((SELECT m.position - low FROM kombu_message m
                WHERE m.queue = flow.queue AND m.position >= low AND m.position < high AND m.due_at IS NULL
                    AND m.visible
                ORDER BY m.position LIMIT 1), (SELECT last_value * 1000 FROM kombu_message_id_seq)),
            (SELECT m.position - low FROM kombu_message m
                WHERE m.queue = flow.queue AND m.fairness_key = flow.fairness_key
                    AND m.position >= low AND m.position < high AND m.due_at IS NULL
                ORDER BY m.position DESC LIMIT 1)) AS rank
        FROM flow
    )
    INSERT INTO kombu_message (queue, payload, priority, due_at, expires_at, message_id, fairness_key, rank)
    SELECT i.queue, i.payload, i.priority, CAST(i.due_at AS timestamptz),
        now() + least(make_interval(secs => i.expires_in), q.message_ttl), i.message_id, i.fairness_key,
        CASE WHEN i.due_at IS NULL THEN s.rank + sum(1000 / i.fairness_weight)
            OVER (PARTITION BY i.queue, i.priority, i.fairness_key, i.due_at IS NULL ORDER BY i.n) END
    FROM incoming i LEFT JOIN start s USING (queue, priority, fairness_key) LEFT JOIN kombu_queue q ON q.name = i.queue
    ORDER BY i.n
"""

# Fired in a transaction of its own, after that of the messages: whoever began to wait before this looks is woken, and
# whoever begins later looks into the queue once more by itself, and finds them. One more than needed is woken, in
# no order, so that one stopped consumer delays nothing. What is due soon is told to two consumers, whether they wait or
# not: their keepers look after it. Nobody needs this to be durable.
WAKE = """
    SELECT pg_notify(channel, reason) FROM (
        SELECT channel, 'stream' AS reason FROM kombu_consumer WHERE streams && CAST(:queues AS text[])
        UNION ALL
        (SELECT channel, 'queue' FROM kombu_consumer
            WHERE lost_at IS NULL AND CASE WHEN queues && CAST(:queues AS text[]) THEN {waiting} ELSE false END
            ORDER BY random() LIMIT CAST(:messages AS int) + 1)
        UNION ALL
        (SELECT channel, 'due' FROM kombu_consumer WHERE lost_at IS NULL AND CAST(:due_soon AS boolean)
            ORDER BY random() LIMIT 2)
    ) AS woken WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL
""".format(waiting=_HELD.format(lock=_WAITING, id="id"))

# For a publisher with a session of its own; the parameters are in the order of the types.
PREPARED_FOR_PUBLISHING = {
    "kombu_insert": (
        "text, text, int, text, float8, text",
        numbered(INSERT, "queue", "payload", "priority", "due_at", "expires_in", "message_id"),
    ),
    "kombu_wake": ("text[], int, boolean", numbered(WAKE, "queues", "messages", "due_soon")),
}

# --- Consuming: prepared ---------------------------------------------------------------------------------------------

# The claims of consumer `$1` to messages `$2`, one look into the index each. Asked for plainly, a planner that knows
# the table as empty would read all claims of the consumer, and one without a prefetch limit may have very many.
_OWN_CLAIMS = """ARRAY(SELECT k.ctid FROM unnest($2) AS a(id) CROSS JOIN LATERAL (
                SELECT ctid FROM kombu_claim WHERE consumer_id = $1 AND message_id = a.id LIMIT 1) AS k)"""

# Acknowledge and claim in one statement and one commit. `$4` to `$6` are the ranges of positions to look at, in their
# order.
# - A message is locked only when it is taken: the limit stands above the lock, so rows are locked one by one. Locking
#   what is not taken would hide it from others, who would go to sleep although there is work.
# - Rows are found by one id each, or by `= ANY (ARRAY(...))`: for these there is only one plan.
# - A consumer that was declared lost claims nothing.
_CLAIM = f"""
        WITH acked AS (
            DELETE FROM kombu_claim WHERE ctid = ANY ({_OWN_CLAIMS}) RETURNING message_id
        ), deleted AS (
            DELETE FROM kombu_message WHERE id = ANY (ARRAY(SELECT message_id FROM acked))
        ), {{picked}}, claimed AS (
            UPDATE kombu_message SET visible = false, deliveries = deliveries + 1
            WHERE id = ANY (ARRAY(SELECT id FROM picked))
            RETURNING id, queue, payload, position, deliveries, released_at IS NOT NULL AS held
        ), recorded AS (
            INSERT INTO kombu_claim (consumer_id, message_id) SELECT $1, id FROM claimed
        )
        SELECT (SELECT count(*) FROM acked) AS acked, {{seen}} AS seen, claimed.*
        FROM (VALUES (1)) AS always LEFT JOIN claimed ON true
"""
_ALIVE_CONSUMER = "EXISTS (SELECT FROM kombu_consumer WHERE id = $1 AND lost_at IS NULL)"

_PICK_IN_ORDER = f"""picked AS MATERIALIZED (
            SELECT m.id FROM unnest($4, $5, $6) AS r(queue, low, high) CROSS JOIN LATERAL (
                SELECT id FROM kombu_message
                WHERE queue = r.queue AND position >= r.low AND position < r.high AND due_at IS NULL
                    AND visible AND (expires_at IS NULL OR expires_at > now())
                ORDER BY position FOR UPDATE SKIP LOCKED) AS m
            WHERE {_ALIVE_CONSUMER} LIMIT $3
        )"""

# - More candidates than wanted are read, since others take some of them at the same moment. Whoever saw more than
#   it got claims again.
# - `visible` is asked again with the lock, so of the newest version of the row.
# - A queue gives its second message after all others gave their first; ties go in the order of `$4`.
_PICK_BY_PRIORITY = f"""candidate AS MATERIALIZED (
            SELECT m.id, m.position >> 59 AS urgency, r.turn,
                row_number() OVER (PARTITION BY r.queue ORDER BY m.position) AS nth
            FROM unnest($4, $5, $6) WITH ORDINALITY AS r(queue, low, high, turn) CROSS JOIN LATERAL (
                SELECT id, position FROM kombu_message
                WHERE queue = r.queue AND position >= r.low AND position < r.high AND due_at IS NULL
                    AND visible AND (expires_at IS NULL OR expires_at > now())
                ORDER BY position LIMIT $3 + 16) AS m
        ), picked AS MATERIALIZED (
            SELECT c.id FROM (SELECT * FROM candidate ORDER BY urgency, nth, turn) AS c CROSS JOIN LATERAL (
                SELECT id FROM kombu_message WHERE id = c.id AND visible FOR UPDATE SKIP LOCKED) AS m
            WHERE {_ALIVE_CONSUMER} LIMIT $3
        )"""

PREPARED = {
    # While there is more to do than time: the ranges behind the frontier, in the order in which they are given.
    "kombu_claim": (
        "int, bigint[], int, text[], bigint[], bigint[]",
        _CLAIM.format(picked=_PICK_IN_ORDER, seen="NULL::bigint"),
    ),
    # The full look: all ranges from their beginning, ordered by the priorities of what is there.
    "kombu_look": (
        "int, bigint[], int, text[], bigint[], bigint[]",
        _CLAIM.format(picked=_PICK_BY_PRIORITY, seen="(SELECT count(*) FROM candidate)"),
    ),
    "kombu_ack": (
        "int, bigint[]",
        f"""
        WITH acked AS (
            DELETE FROM kombu_claim WHERE ctid = ANY ({_OWN_CLAIMS}) RETURNING message_id
        ), deleted AS (
            DELETE FROM kombu_message WHERE id = ANY (ARRAY(SELECT message_id FROM acked))
        )
        SELECT count(*) FROM acked
        """,
    ),
    # For consumers without acknowledgement: what is read is gone.
    "kombu_take": (
        "int, text[], int",
        """
        WITH taken AS (
            DELETE FROM kombu_message WHERE id = ANY (ARRAY(
                SELECT id FROM kombu_message
                WHERE id = ANY (ARRAY(
                    SELECT m.id FROM unnest($2) AS s(queue) CROSS JOIN LATERAL (
                        SELECT id, position FROM kombu_message
                        WHERE queue = s.queue AND due_at IS NULL AND visible
                            AND (expires_at IS NULL OR expires_at > now())
                        ORDER BY position LIMIT $3) AS m
                    ORDER BY m.position LIMIT $3))
                FOR UPDATE SKIP LOCKED))
            RETURNING id, queue, payload, position, deliveries, released_at IS NOT NULL AS held
        )
        SELECT * FROM taken ORDER BY position
        """,
    ),
    # Back to their old places.
    "kombu_requeue": (
        "int, bigint[]",
        f"""
        WITH returned AS (
            DELETE FROM kombu_claim WHERE ctid = ANY ({_OWN_CLAIMS}) RETURNING message_id
        )
        UPDATE kombu_message SET visible = true WHERE id = ANY (ARRAY(SELECT message_id FROM returned)) RETURNING queue
        """,
    ),
}

# With statistics of an empty queue the planner likes to scan the table; a minute later there are a million rows.
PLAN_BY_INDEX = """
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
    SET jit = off;
"""
# A generic plan is made once and holds for every length of the arrays.
PLAN_ONCE = "SET plan_cache_mode = force_generic_plan"

START_WAITING = f"SELECT pg_advisory_lock({_WAITING}, :consumer_id)"
STOP_WAITING = f"SELECT pg_advisory_unlock({_WAITING}, :consumer_id)"

# --- Consumers -------------------------------------------------------------------------------------------------------

REGISTER = f"""
    WITH identity AS (SELECT nextval('kombu_consumer_id_seq') AS id)
    INSERT INTO kombu_consumer (id, channel, queues, streams, host, pid, lease_until)
    SELECT id, 'kombu_' || CAST(CAST(current_schema() AS regnamespace) AS oid) || '_' || id,
        :queues, :streams, :host, :pid, now() + make_interval(secs => :lease_seconds)
    FROM identity WHERE pg_try_advisory_lock({_ALIVE}, CAST(id AS int))
    RETURNING id, channel
"""
SUBSCRIBE = "UPDATE kombu_consumer SET queues = :queues, streams = :streams WHERE id = :consumer_id"
SHOW_ALIVE = f"SELECT pg_try_advisory_lock({_ALIVE}, :consumer_id)"

# One statement per look: renew the own lease when a third of it is over, and see what else there is to do. `silent` are
# consumers that show no life. Whether something is `overlooked`, that is waits and nobody was told, is looked up for
# the queues given, none while the consumer has no room anyway.
KEEP = """
    WITH renewed AS (
        UPDATE kombu_consumer SET lease_until = now() + make_interval(secs => :lease_seconds)
        WHERE id = :consumer_id AND lost_at IS NULL
            AND lease_until < now() + make_interval(secs => :lease_seconds * 2 / 3)
    )
    SELECT coalesce((SELECT lost_at IS NULL FROM kombu_consumer WHERE id = :consumer_id), false) AS alive,
        ARRAY(SELECT id FROM kombu_consumer WHERE id <> :consumer_id AND lost_at IS NULL
            AND (lease_until < now() OR NOT {alive})) AS silent,
        EXISTS (SELECT FROM kombu_consumer c JOIN kombu_claim k ON k.consumer_id = c.id
            WHERE c.lost_at IS NOT NULL) AS orphans,
        EXISTS (SELECT FROM unnest(CAST(:queues AS text[])) AS q(name) WHERE EXISTS (
            SELECT FROM kombu_message WHERE queue = q.name AND visible AND due_at IS NULL
                AND (expires_at IS NULL OR expires_at > now()))) AS overlooked,
        EXISTS (SELECT FROM kombu_message WHERE expires_at <= now() AND visible)
            OR EXISTS (SELECT FROM kombu_consumer WHERE lost_at < now() - interval '1 minute')
            OR EXISTS (SELECT FROM kombu_queue q WHERE used_at + expires < now()
                AND NOT EXISTS (SELECT FROM kombu_consumer c WHERE q.name = ANY (c.queues || c.streams))) AS untidy,
        (SELECT CAST(extract(epoch FROM min(due_at) - clock_timestamp()) AS float8)
            FROM kombu_message WHERE due_at IS NOT NULL) AS due_in
""".format(alive=_HELD.format(lock=_ALIVE, id="id"))

# A message that is due goes to the front of its queue, behind nobody of its priority: it has waited. The front is
# also where the frontiers of all consumers end, so that they see it.
RELEASE = """
    WITH due AS MATERIALIZED (
        SELECT id, queue, priority FROM kombu_message WHERE due_at <= clock_timestamp()
        ORDER BY due_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), front AS MATERIALIZED (
        SELECT queue, priority, coalesce((SELECT m.position - low FROM kombu_message m
            WHERE m.queue = d.queue AND m.position >= low AND m.position < high AND m.due_at IS NULL AND m.visible
            ORDER BY m.position LIMIT 1), (SELECT last_value * 1000 FROM kombu_message_id_seq)) AS rank
        FROM (SELECT DISTINCT queue, priority, CAST(9 - priority AS bigint) << 59 AS low,
            CASE priority WHEN 0 THEN 9223372036854775807 ELSE CAST(10 - priority AS bigint) << 59 END AS high
            FROM due) AS d
    )
    UPDATE kombu_message m SET due_at = NULL, released_at = now(),
        rank = (SELECT f.rank FROM front f WHERE f.queue = m.queue AND f.priority = m.priority)
    WHERE id = ANY (ARRAY(SELECT id FROM due)) RETURNING queue
"""

# Life is looked for once more: the owner may have come back since.
DECLARE_LOST = """
    UPDATE kombu_consumer SET lost_at = now()
    WHERE id = ANY (CAST(:consumer_ids AS int[])) AND lost_at IS NULL AND (lease_until < now() OR NOT {alive})
    RETURNING id, host, pid
""".format(alive=_HELD.format(lock=_ALIVE, id="id"))
RETURN_ORPHANS = """
    WITH returned AS (
        DELETE FROM kombu_claim
        WHERE consumer_id = ANY (ARRAY(SELECT id FROM kombu_consumer WHERE lost_at IS NOT NULL)) RETURNING message_id
    )
    UPDATE kombu_message SET visible = true WHERE id = ANY (ARRAY(SELECT message_id FROM returned)) RETURNING queue
"""

# A claim whose reply was lost with the connection: the consumer holds what it does not know of.
HELD = "SELECT message_id FROM kombu_claim WHERE consumer_id = :consumer_id"

# It was delivered to nobody, so its next delivery is no redelivery.
TAKE_BACK = """
    WITH returned AS (
        DELETE FROM kombu_claim
        WHERE consumer_id = :consumer_id AND message_id = ANY (CAST(:message_ids AS bigint[])) RETURNING message_id
    )
    UPDATE kombu_message SET visible = true, deliveries = deliveries - 1
    WHERE id = ANY (ARRAY(SELECT message_id FROM returned)) RETURNING queue
"""

# In one transaction, since claims without a consumer would be nobody's.
UNREGISTER = """
    WITH gone AS (
        DELETE FROM kombu_consumer WHERE id = :consumer_id RETURNING queues || streams AS queues
    ), used AS (
        UPDATE kombu_queue SET used_at = now() FROM gone WHERE name = ANY (gone.queues)
    ), returned AS (
        DELETE FROM kombu_claim WHERE consumer_id = :consumer_id RETURNING message_id
    )
    UPDATE kombu_message SET visible = true WHERE id = ANY (ARRAY(SELECT message_id FROM returned)) RETURNING queue
"""
# The last consumer of such a queue takes it along.
DELETE_UNUSED = """
    WITH unused AS (
        DELETE FROM kombu_queue q WHERE name = ANY (CAST(:queues AS text[])) AND auto_delete
            AND NOT EXISTS (SELECT FROM kombu_consumer c
                WHERE c.id <> :consumer_id AND q.name = ANY (c.queues || c.streams))
        RETURNING name
    ), unbound AS (
        DELETE FROM kombu_binding WHERE queue IN (SELECT name FROM unused)
    )
    DELETE FROM kombu_message WHERE queue IN (SELECT name FROM unused)
"""

# --- Upkeep ----------------------------------------------------------------------------------------------------------

# One consumer at a time. A lost consumer is kept for a while: a claim that it sent before may still arrive.
UPKEEP_IS_OURS = "SELECT pg_try_advisory_lock(hashtext(current_schema() || '.kombu_upkeep'))"
UPKEEP_IS_DONE = "SELECT pg_advisory_unlock(hashtext(current_schema() || '.kombu_upkeep'))"
DELETE_EXPIRED_MESSAGES = "DELETE FROM kombu_message WHERE expires_at <= now() AND visible"
FORGET_LOST = """
    WITH gone AS (
        DELETE FROM kombu_consumer c WHERE lost_at < now() - interval '1 minute'
            AND NOT EXISTS (SELECT FROM kombu_claim WHERE consumer_id = c.id) RETURNING queues || streams AS queues
    ), used AS (
        UPDATE kombu_queue SET used_at = now() FROM gone WHERE name = ANY (gone.queues)
    )
    SELECT DISTINCT unnest(queues) FROM gone
"""
DELETE_EXPIRED_QUEUES = """
    WITH expired AS (
        DELETE FROM kombu_queue q WHERE used_at + expires < now()
            AND NOT EXISTS (SELECT FROM kombu_consumer c WHERE q.name = ANY (c.queues || c.streams)) RETURNING name
    ), unbound AS (
        DELETE FROM kombu_binding WHERE queue IN (SELECT name FROM expired)
    )
    DELETE FROM kombu_message WHERE queue IN (SELECT name FROM expired)
"""
DEAD_ROWS = "SELECT pg_stat_get_dead_tuples('kombu_message'::regclass)"
VACUUM = "VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON, TRUNCATE OFF) kombu_message, kombu_claim"

# --- Looking from outside --------------------------------------------------------------------------------------------

# Of each kind at most so many rows, in the order of an index: it costs little, however much waits. What has become due
# is released by consumers only, so that without any it waits where it was.
BACKLOG = """
    WITH claimed AS MATERIALIZED (
        SELECT m.queue, count(*) AS messages
        FROM (SELECT message_id FROM kombu_claim LIMIT :most) AS k CROSS JOIN LATERAL (
            SELECT queue FROM kombu_message WHERE id = k.message_id LIMIT 1) AS m
        GROUP BY m.queue
    ), due AS MATERIALIZED (
        SELECT queue, due_at AS since FROM kombu_message WHERE due_at <= now() AND visible
            AND (expires_at IS NULL OR expires_at > now())
        ORDER BY due_at LIMIT :most
    )
    SELECT q.name AS queue, v.messages AS visible, v.oldest_age,
        coalesce((SELECT messages FROM claimed WHERE queue = q.name), 0) AS claimed
    FROM unnest(CAST(:queues AS text[])) WITH ORDINALITY AS q(name, n) CROSS JOIN LATERAL (
        SELECT count(*) AS messages, now() - min(since) AS oldest_age FROM (
            (SELECT coalesce(released_at, timestamp) AS since FROM kombu_message
                WHERE queue = q.name AND due_at IS NULL AND visible AND (expires_at IS NULL OR expires_at > now())
                ORDER BY position LIMIT :most)
            UNION ALL
            (SELECT since FROM due WHERE queue = q.name)
            LIMIT :most) AS m
    ) AS v
    ORDER BY q.n
"""
# Alive is whom no other consumer would declare lost. The locks are read, not tried: whoever looks keeps no session that
# could hold one by accident.
CONSUMERS = f"""
    WITH held AS MATERIALIZED (
        SELECT CAST(objid AS bigint) AS id FROM pg_locks
        WHERE locktype = 'advisory' AND classid = CAST({_ALIVE} AS oid) AND objsubid = 2 AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
    SELECT host, pid, queues, registered_at, lease_until,
        lost_at IS NULL AND lease_until > now() AND id IN (SELECT id FROM held) AS alive
    FROM kombu_consumer WHERE queues && CAST(:queues AS text[]) ORDER BY id DESC LIMIT :most
"""

# --- Queues, exchanges and bindings ----------------------------------------------------------------------------------

DECLARE_QUEUE = """
    INSERT INTO kombu_queue (name, auto_delete, expires, message_ttl)
    VALUES (:queue, :auto_delete, make_interval(secs => CAST(:expires AS float8)),
        make_interval(secs => CAST(:message_ttl AS float8)))
    ON CONFLICT (name) DO UPDATE SET auto_delete = excluded.auto_delete, expires = excluded.expires,
        message_ttl = excluded.message_ttl, used_at = now()
"""
QUEUE_EXISTS = "SELECT EXISTS (SELECT FROM kombu_queue WHERE name = :queue)"
QUEUE_SIZE = """
    SELECT count(*) FROM kombu_message
    WHERE queue = :queue AND visible AND (expires_at IS NULL OR expires_at > now())
"""
QUEUE_CONSUMERS = """
    SELECT count(*) FROM kombu_consumer WHERE lost_at IS NULL AND :queue = ANY (queues || streams)
"""
PURGE = "DELETE FROM kombu_message WHERE queue = :queue AND visible"
DELETE_QUEUE = """
    WITH unbound AS (DELETE FROM kombu_binding WHERE queue = :queue),
        emptied AS (DELETE FROM kombu_message WHERE queue = :queue)
    DELETE FROM kombu_queue WHERE name = :queue
"""
DECLARE_EXCHANGE = """
    INSERT INTO kombu_exchange (name, type, durable, auto_delete, arguments)
    VALUES (:exchange, :type, :durable, :auto_delete, :arguments) ON CONFLICT (name) DO NOTHING
"""
EXCHANGE = "SELECT type, durable, auto_delete, arguments FROM kombu_exchange WHERE name = :exchange"
DELETE_EXCHANGE = """
    WITH unbound AS (DELETE FROM kombu_binding WHERE exchange = :exchange)
    DELETE FROM kombu_exchange WHERE name = :exchange
"""
BIND = """
    INSERT INTO kombu_binding (exchange, queue, routing_key, pattern)
    VALUES (:exchange, :queue, :routing_key, :pattern) ON CONFLICT DO NOTHING
"""
# To all consumers: their processes may hold that nobody listens.
ANNOUNCE_BINDING = "SELECT pg_notify(channel, 'binding') FROM kombu_consumer WHERE lost_at IS NULL"
UNBIND = "DELETE FROM kombu_binding WHERE exchange = :exchange AND queue = :queue AND routing_key = :routing_key"
BINDINGS = "SELECT routing_key, pattern, queue FROM kombu_binding WHERE exchange = :exchange"
# An exchange that nobody declared is a direct one.
ROUTE = """
    SELECT coalesce((SELECT type FROM kombu_exchange WHERE name = :exchange), 'direct') AS type,
        ARRAY(SELECT DISTINCT queue FROM kombu_binding b LEFT JOIN kombu_exchange e ON e.name = b.exchange
            WHERE b.exchange = :exchange AND CASE coalesce(e.type, 'direct')
                WHEN 'fanout' THEN true WHEN 'topic' THEN '.' || :routing_key ~ b.pattern
                ELSE b.routing_key = :routing_key END) AS queues
"""
