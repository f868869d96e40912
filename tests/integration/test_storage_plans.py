"""The queries that run all the time use their indexes: their cost does not grow with what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event

from reports_core.storage import (
    attempts,
    batches,
    cancellation,
    compaction,
    diagnostics,
    dispatch,
    events,
    items,
    model_answers,
    queue,
    reports,
    streams,
)
from reports_core.storage.attempts import Delivery
from reports_core.storage.batches import BatchFilter
from reports_core.storage.records import Batch
from reports_core.storage.streams import Snapshot
from tests.support.storage import EVENT_RETENTION, LAPSED, LEASE, OWNER, Store

Recorded = list[tuple[str, Mapping[str, Any]]]

# 400 batches that are over with 50 items and 100 events each.
FILL = (
    """
    INSERT INTO batches (batch_id, owner, task_id, status, total_reports, successful, priority, last_sequence,
        created_at, processed_at)
    SELECT gen_random_uuid(), 'default', gen_random_uuid(), 'COMPLETED', 50, 50, 4, 100,
        now() - n * interval '1 minute', now()
    FROM generate_series(1, 400) n
    """,
    """
    INSERT INTO batch_executions (task_id, batch_id, execution, status, successful, failed, cancelled, processed_at,
        first_sequence, final_sequence)
    SELECT task_id, batch_id, 1, 'COMPLETED', 50, 0, 0, now(), 1, 100 FROM batches WHERE status = 'COMPLETED'
    """,
    """
    INSERT INTO batch_items (batch_id, position, report_id, status, attempt, analysis_id, processed_at)
    SELECT batch_id, n, gen_random_uuid(), 'COMPLETED', 1, gen_random_uuid(), now()
    FROM batches, generate_series(0, 49) n WHERE status = 'COMPLETED'
    """,
    """
    INSERT INTO batch_events (batch_id, sequence, kind, data, occurred_at)
    SELECT batch_id, n, 'ITEM_CHANGED', '{}', now() FROM batches, generate_series(1, 100) n WHERE status = 'COMPLETED'
    """,
    """
    INSERT INTO reports (report_id, owner, company_id, report_type, content_type, content_size_bytes, content_sha256,
        created_at)
    SELECT gen_random_uuid(), 'default', gen_random_uuid(), '10_K', 'text/plain', 1, repeat('0', 64),
        now() - n * interval '1 minute'
    FROM generate_series(1, 5000) n
    """,
    "ANALYZE",
)


@pytest.fixture
def batch(store: Store) -> Batch:
    """Fill the tables, and give a batch among all the others that is being processed."""
    batch = store.submit(20)
    store.start(batch, 0, lease=LAPSED)
    for statement in FILL:
        store.rows(statement)
    return batch


@contextmanager
def recording(store: Store, engine: type[Engine] | None = None) -> Iterator[Recorded]:
    """Give the statements that the storage sends; `Engine` stands for those on any connection."""
    recorded: Recorded = []

    def record(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        recorded.append((statement, parameters))

    event.listen(engine or store.engine, "before_cursor_execute", record)
    yield recorded
    event.remove(engine or store.engine, "before_cursor_execute", record)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def assert_indexed(store: Store, recorded: Recorded, *tables: str) -> None:
    """Demand that no statement reads one of the tables as a whole, and that each table was read by an index."""
    by_index = set()
    for statement, parameters in recorded:
        if statement.lstrip().partition(" ")[0] not in {"SELECT", "UPDATE", "DELETE", "WITH"}:
            continue
        with store.engine.begin() as conn:
            (answer,) = conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalars()
        (plan,) = answer if isinstance(answer, list) else json.loads(answer)
        for node in nodes(plan["Plan"]):
            table = node.get("Relation Name")
            assert not (node["Node Type"] == "Seq Scan" and table in tables), f"reads all of {table}: {statement}"
            if table in tables:
                by_index.add(table)
    assert by_index == set(tables)


def test_a_claim_finds_its_item_and_batch_by_key(store: Store, batch: Batch) -> None:
    delivery = Delivery(batch.batch_id, batch.task_id, 7, uuid4(), uuid4())
    with recording(store) as recorded:
        claim = store.do(attempts.claim, delivery, lease=LEASE, broker=store.queue)
    assert claim.attempt is not None
    assert_indexed(store, recorded, "batches", "batch_items", "reports")


def test_outcomes_are_applied_by_key(store: Store, batch: Batch) -> None:
    attempt = store.start(batch, 1)
    with recording(store) as recorded:
        store.finish(attempt)
    assert_indexed(store, recorded, "batches", "batch_items", "reports")


def test_ended_leases_are_found_among_the_running_items_only(store: Store, batch: Batch) -> None:
    with recording(store) as recorded:
        assert len(store.do(attempts.expired, limit=200)) == 1
    assert_indexed(store, recorded, "batch_items")


def test_leases_are_renewed_among_the_running_items_only(store: Store, batch: Batch) -> None:
    with recording(store) as recorded:
        store.do(attempts.renew, uuid4(), [uuid4()], lease=LEASE)
    assert_indexed(store, recorded, "batch_items")


def test_what_a_cancellation_has_to_end_is_found_among_the_running_items_only(store: Store, batch: Batch) -> None:
    with recording(store) as recorded:
        store.do(cancellation.running, uuid4(), [uuid4()], grace=LEASE)
    assert_indexed(store, recorded, "batch_items", "batches")
    with recording(store) as recorded:
        store.do(cancellation.stragglers, grace=LEASE, limit=200)
    assert_indexed(store, recorded, "batch_executions", "batch_items", "batches")


def test_messages_that_are_gone_are_found_by_their_ids_however_many_wait(store: Store, batch: Batch) -> None:
    store.rows("""
        INSERT INTO kombu_message (queue, payload, message_id)
        SELECT 'report_processing', repeat('x', 1000), gen_random_uuid() FROM generate_series(1, 5000)
    """)
    asked = [UUID(message_id) for (message_id,) in store.rows("SELECT message_id FROM kombu_message")]
    gone = {uuid4() for _ in range(3)}
    with recording(store) as recorded:
        assert store.do(store.queue.missing, queue.REPORT_QUEUE, [*asked[:2000], *gone]) == gone
    assert_indexed(store, recorded, "kombu_message")


def test_due_retries_are_found_among_the_waiting_items_only(store: Store, batch: Batch) -> None:
    with recording(store) as recorded:
        store.do(dispatch.due_retries, limit=200)
    assert_indexed(store, recorded, "batch_items", "batches")


def test_a_page_of_items_is_read_by_position(store: Store, batch: Batch) -> None:
    with recording(store) as recorded:
        store.do(items.list_page, batch, current=True, after=3, limit=5)
    assert_indexed(store, recorded, "batch_items")


def test_events_are_read_by_sequence(store: Store, batch: Batch) -> None:
    with recording(store) as recorded:
        store.do(events.read, batch.batch_id, after=1, limit=500)
    assert_indexed(store, recorded, "batch_events")


def test_what_is_new_to_a_stream_is_found_by_transaction(store: Store, batch: Batch) -> None:
    since = store.do(streams.now)
    # One that was open then, as a long transaction is.
    since = Snapshot(since.xmax, frozenset({since.xmax - 1}))
    store.run(batch, 1)
    with recording(store) as recorded:
        assert store.do(streams.news, since, limit=2_000).events
        assert store.do(streams.stretches, OWNER, BatchFilter(), since)
        landmark = store.do(streams.landmark)
        assert landmark
        assert store.do(streams.knows, landmark)
    assert_indexed(store, recorded, "batch_events", "batches")


def test_open_batches_are_found_among_the_open_executions_only(store: Store, batch: Batch) -> None:
    with recording(store) as recorded:
        (found,) = store.do(streams.present, OWNER, BatchFilter()).batches
    assert found.batch_id == batch.batch_id
    assert_indexed(store, recorded, "batch_executions", "batches")


@pytest.mark.parametrize("before", [None, (datetime.now(UTC), UUID(int=0))], ids=["first", "next"])
def test_batches_and_reports_are_listed_in_the_order_of_an_index(
    store: Store, batch: Batch, before: tuple[datetime, UUID] | None
) -> None:
    with recording(store) as recorded:
        store.do(batches.list_page, OWNER, BatchFilter(), limit=11, before=before)
        store.do(reports.list_page, OWNER, company_id=None, statuses=(), limit=11, before=before)
    assert_indexed(store, recorded, "batches", "reports")


def test_the_sweep_looks_at_open_executions_only(store: Store, batch: Batch) -> None:
    with recording(store) as recorded:
        store.do(items.overdue, limit=200)
        store.do(dispatch.stuck, store.queue, grace=LEASE, after=dispatch.FIRST, limit=5_000)
        store.do(dispatch.undispatched, store.queue, grace=LEASE, limit=200)
    assert_indexed(store, recorded, "batch_executions", "batch_items")


def test_histories_to_compact_are_found_among_those_that_are_kept_only(store: Store, batch: Batch) -> None:
    store.rows("UPDATE batches SET compacted_at = now() WHERE status = 'COMPLETED' AND random() < 0.9")
    store.rows("ANALYZE batches")
    with recording(store) as recorded:
        assert store.do(compaction.due, EVENT_RETENTION, limit=200) == []
    assert_indexed(store, recorded, "batches")


def test_the_look_for_histories_to_compact_reads_the_oldest_only(store: Store, batch: Batch) -> None:
    store.rows("UPDATE batches SET compacted_at = now() WHERE status = 'COMPLETED'")
    store.rows("""
        INSERT INTO batches (batch_id, owner, task_id, status, total_reports, successful, priority, processed_at,
            compacted_at)
        SELECT gen_random_uuid(), 'default', gen_random_uuid(), 'COMPLETED', 1, 1, 4, now() - n * interval '1 minute',
            CASE WHEN n > 1440 THEN now() END
        FROM generate_series(1, 20000) n ORDER BY random()
    """)
    store.rows("ANALYZE batches")
    sweeper = store.sweeper()
    sweeper.sweep()
    with recording(store, Engine) as recorded:
        sweeper.sweep()
    sweeper.close()
    assert_indexed(store, recorded[:1], "batches")


def test_a_history_is_compacted_by_key(store: Store, batch: Batch) -> None:
    (old,) = store.rows(
        "UPDATE batches SET processed_at = now() - interval '8 days' WHERE batch_id = ("
        "SELECT batch_id FROM batches WHERE status = 'COMPLETED' LIMIT 1) RETURNING batch_id"
    )[0]
    with recording(store) as recorded:
        assert store.do(compaction.withdraw, old, EVENT_RETENTION)
        assert store.do(compaction.delete, old, 60) == 60
        assert store.do(compaction.delete, old, 60) == 40
        assert store.do(compaction.conclude, old)
    assert_indexed(store, recorded, "batches", "batch_events")


def test_answers_of_a_model_are_found_by_key_and_expired_by_age(store: Store) -> None:
    store.rows("""
        INSERT INTO model_answers (request_sha256, answer, created_at)
        SELECT encode(sha256(CAST(CAST(n AS text) AS bytea)), 'hex'), '{}', now() - n * interval '1 minute'
        FROM generate_series(1, 20000) n
    """)
    store.rows("ANALYZE model_answers")
    with recording(store) as recorded:
        assert store.do(model_answers.get, "0" * 64) is None
        store.do(model_answers.expire, EVENT_RETENTION)
    assert_indexed(store, recorded, "model_answers")


def test_diagnostics_read_by_index_however_much_waits_and_is_kept(store: Store, batch: Batch) -> None:
    store.rows("""
        INSERT INTO kombu_message (queue, payload, due_at)
        SELECT 'report_processing', repeat('x', 1000), CASE WHEN n % 2 = 0 THEN now() + n * interval '1 s' END
        FROM generate_series(1, 50000) n
    """)
    store.rows("ANALYZE kombu_message")
    with recording(store) as recorded:
        store.do(diagnostics.get, own_queue=True)
    assert_indexed(store, recorded, "kombu_message", "batch_executions", "batches")
