"""The diagnostics count what is there, in tables of this release and of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy.exc import ProgrammingError

from kombu_postgres.inspection import Backlog, backlogs
from kombu_postgres.keeper import Keeper
from kombu_postgres.options import Options, connection_parameters
from reports_core.storage import diagnostics
from reports_core.storage.diagnostics import Diagnostics, MigrationStatus, Work
from reports_core.storage.migrations import known
from tests.support.storage import LEASE, Store

QUEUE = "report_processing"
# 2 are due since a minute (one by its `due_at`, which no consumer has released) and 1 since less; 1 is due tomorrow,
# 1 is of no use any more, and 2 are claimed.
FILL = """
    INSERT INTO kombu_message (queue, payload, visible, timestamp, due_at, expires_at)
    SELECT 'report_processing', '{}', visible, now() - CAST(age AS interval), now() + CAST(due_in AS interval),
        now() + CAST(expires_in AS interval)
    FROM (VALUES (true, '1 minute', NULL, NULL), (true, '1 day', '-1 minute', '1 hour'), (true, '5 s', NULL, '1 hour'),
        (true, '1 day', '1 day', NULL), (true, '1 day', NULL, '-1 s'), (false, '1 day', NULL, NULL),
        (false, '1 day', NULL, NULL)) AS m(visible, age, due_in, expires_in)
"""
CLAIM = "INSERT INTO kombu_claim (consumer_id, message_id) SELECT 1, id FROM kombu_message WHERE NOT visible"


@contextmanager
def signed_on(url: str, *queues: str, streams: Sequence[str] = ()) -> Iterator[None]:
    """Sign a worker on, which does nothing until it signs off."""
    keeper = Keeper(connection_parameters(url), Options(patrol_seconds=1000, lease_seconds=4000), lambda: None)
    keeper.register(queues, streams)
    try:
        yield
    finally:
        keeper.stop()


def found(store: Store, *, own_queue: bool = True) -> Diagnostics:
    return store.do(diagnostics.get, own_queue=own_queue)


def backlog(store: Store) -> Backlog:
    (backlog,) = (backlog for backlog in found(store).queues if backlog.queue == QUEUE)
    return backlog


def test_a_new_database_is_current_and_has_nothing_to_do(store: Store) -> None:
    empty = found(store)
    assert empty.schema.migration_status is MigrationStatus.CURRENT
    assert empty.schema.version.partition(".")[0].isdecimal()
    assert empty.schema.revision == empty.schema.expected_revision == known()[0]
    assert empty.work == Work(0, 0, 0)
    assert empty.queues == tuple(Backlog(name, 0, 0, None) for name in ("batch_processing", QUEUE, "default"))
    assert empty.workers == ()


def test_messages_that_are_due_are_counted_with_the_age_of_the_oldest(store: Store) -> None:
    store.rows(FILL)
    store.rows(CLAIM)
    counted = backlog(store)
    assert (counted.visible, counted.claimed) == (3, 2)
    assert counted.oldest_age is not None
    assert timedelta(seconds=60) <= counted.oldest_age < timedelta(seconds=90)


def test_a_message_that_was_due_later_is_as_old_as_its_release(store: Store) -> None:
    store.rows("""
        INSERT INTO kombu_message (queue, payload, timestamp, released_at)
        VALUES ('report_processing', '{}', now() - interval '1 day', now() - interval '3 s')
    """)
    age = backlog(store).oldest_age
    assert age is not None
    assert timedelta(seconds=3) <= age < timedelta(seconds=30)


def test_counting_ends_at_a_bound(store: Store) -> None:
    store.rows(
        "INSERT INTO kombu_message (queue, payload, due_at, visible) SELECT 'report_processing', '{}', "
        "CASE WHEN n % 3 = 0 THEN now() END, n % 2 = 0 FROM generate_series(1, 60) AS n"
    )
    store.rows(CLAIM)
    (counted,) = store.do(backlogs, [QUEUE], most=7)
    assert (counted.visible, counted.claimed) == (7, 7)


def test_open_batches_are_counted_with_their_items_that_wait_and_run(store: Store) -> None:
    store.run(store.submit(1))
    running, _ = store.submit(3), store.submit(2)
    store.start(running, 0, lease=LEASE)
    store.start(running, 1, lease=LEASE)
    assert found(store).work == Work(open_batches=2, waiting_items=3, running_items=2)


def test_a_worker_is_alive_until_it_signs_off(store: Store, database_url: str) -> None:
    with signed_on(database_url, QUEUE, "default", streams=["pidbox"]):
        (worker,) = found(store).workers
        assert worker.alive
        assert worker.queues == (QUEUE, "default")
        assert worker.lease_until > worker.registered_at
    assert found(store).workers == ()


def test_a_worker_whose_lease_ended_is_not_alive(store: Store, database_url: str) -> None:
    with signed_on(database_url, QUEUE):
        store.rows("UPDATE kombu_consumer SET lease_until = now() - interval '1 s'")
        assert [worker.alive for worker in found(store).workers] == [False]


def test_what_a_killed_worker_leaves_is_not_alive_however_long_its_lease(store: Store) -> None:
    store.rows("""
        INSERT INTO kombu_consumer (channel, queues, host, pid, lease_until)
        VALUES ('left', '{report_processing}', 'host', 7, now() + interval '1 hour')
    """)
    (worker,) = found(store).workers
    assert (worker.alive, worker.host, worker.pid) == (False, "host", 7)


def test_consumers_of_other_queues_are_no_workers(store: Store, database_url: str) -> None:
    with signed_on(database_url, "orders", streams=[QUEUE]):
        assert store.count("kombu_consumer") == 1
        assert found(store).workers == ()


@pytest.mark.parametrize(
    ("revision", "status"),
    [("0001", MigrationStatus.BEHIND), (None, MigrationStatus.BEHIND), ("9999", MigrationStatus.AHEAD)],
)
def test_other_tables_are_told_by_their_revision(store: Store, revision: str | None, status: MigrationStatus) -> None:
    store.rows("DROP TABLE kombu_claim")
    if revision is None:
        store.rows("DROP TABLE alembic_version")
    else:
        store.rows("UPDATE alembic_version SET version_num = :revision", revision=revision)
    other = found(store)
    assert (other.schema.revision, other.schema.migration_status) == (revision, status)
    assert (other.work, other.queues, other.workers) == (None, (), ())


def test_tables_that_have_to_be_there_are_not_missed_in_silence(store: Store) -> None:
    store.rows("DROP TABLE kombu_claim")
    with pytest.raises(ProgrammingError, match="kombu_claim"):
        found(store)


def test_a_queue_of_another_broker_is_not_looked_for(store: Store) -> None:
    store.rows("DROP TABLE kombu_claim")
    elsewhere = found(store, own_queue=False)
    assert elsewhere.work == Work(0, 0, 0)
    assert (elsewhere.queues, elsewhere.workers) == ((), ())
