"""The schema: made once however many start at once, and refusing rows that cannot be."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError, InternalError

from reports_core.storage import migrations
from tests.support.storage import REFUSED, Store

TABLES = {
    "alembic_version",
    "batch_events",
    "batch_executions",
    "batch_items",
    "batch_outcomes",
    "batches",
    "celery_taskmeta",
    "celery_tasksetmeta",
    "event_horizon",
    "execution_items",
    "kombu_binding",
    "kombu_claim",
    "kombu_consumer",
    "kombu_exchange",
    "kombu_message",
    "kombu_queue",
    "kombu_schema",
    "model_answers",
    "webhook_deliveries",
    "webhook_settings",
    "report_analyses",
    "reports",
}
UPGRADE = "import sys; from reports_core.storage import migrations; migrations.upgrade(sys.argv[1])"


def tables(database_url: str) -> set[str]:
    with Store(database_url) as store:
        return {name for (name,) in store.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def test_eight_that_start_at_once_on_an_empty_database_all_succeed(empty_database_url: str) -> None:
    barrier = Barrier(8, timeout=30)

    def upgrade() -> None:
        barrier.wait()
        migrations.upgrade(empty_database_url)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(upgrade) for _ in range(8)]:
            future.result()
    assert tables(empty_database_url) == TABLES


def test_processes_that_start_at_once_on_an_empty_database_all_succeed(empty_database_url: str) -> None:
    command = [sys.executable, "-c", UPGRADE, empty_database_url]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in processes] == [("", 0)] * 3
    assert tables(empty_database_url) == TABLES


def test_an_upgrade_of_an_up_to_date_database_changes_nothing(store: Store, database_url: str) -> None:
    batch = store.submit(2)
    before = store.rows("SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY oid")
    migrations.upgrade(database_url)
    after = store.rows("SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY oid")
    assert after == before
    assert store.batch(batch) == batch


# What the release before had, in a database of its own or of an application that was there before.
OLD_QUEUE = """
    CREATE SEQUENCE queue_id_sequence;
    CREATE SEQUENCE message_id_sequence;
    CREATE TABLE kombu_queue (id int PRIMARY KEY DEFAULT nextval('queue_id_sequence'), name varchar(200) UNIQUE);
    CREATE TABLE kombu_message (
        id int PRIMARY KEY DEFAULT nextval('message_id_sequence'), visible boolean, timestamp timestamp,
        payload text NOT NULL, version smallint NOT NULL, queue_id int REFERENCES kombu_queue
    );
    INSERT INTO kombu_queue (name) VALUES ('report_processing'), ('invoices');
"""
OLD_MESSAGE = """
    INSERT INTO kombu_message (visible, payload, version, queue_id)
    SELECT true, '{}', 1, id FROM kombu_queue WHERE name = :name
"""


def test_the_queue_of_the_release_before_is_replaced(empty_database_url: str) -> None:
    with Store(empty_database_url) as store:
        store.rows(OLD_QUEUE)
        store.rows(OLD_MESSAGE, name="report_processing")
        migrations.upgrade(empty_database_url)
        assert store.count("kombu_message") == 0
    assert tables(empty_database_url) == TABLES


def test_a_queue_with_messages_of_somebody_else_is_left_alone(empty_database_url: str) -> None:
    with Store(empty_database_url) as store:
        store.rows(OLD_QUEUE)
        store.rows(OLD_MESSAGE, name="invoices")
        with pytest.raises(InternalError, match="messages of another application"):
            migrations.upgrade(empty_database_url)
        assert store.count("kombu_message") == 1


def test_a_database_whose_broker_is_elsewhere_gets_no_queue(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url, queue=False)
    assert tables(empty_database_url) == {name for name in TABLES if not name.startswith("kombu_")}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE batches SET status = 'COMPLETED'",
        "UPDATE batches SET processed_at = now()",
        "UPDATE batches SET successful = 3",
        "UPDATE batches SET running = -1",
        "UPDATE batches SET total_reports = 10001",
        "UPDATE batches SET priority = 10",
        "UPDATE batches SET status = 'DONE'",
        "UPDATE batches SET execution_timeout = interval '0'",
        "UPDATE batches SET labels = '[]'",
        "UPDATE batch_executions SET processed_at = now()",
        "UPDATE batch_executions SET status = 'COMPLETED'",
        "UPDATE batch_executions SET final_sequence = 9",
        "UPDATE batch_items SET status = 'PROCESSING'",
        "UPDATE batch_items SET status = 'RETRYING'",
        "UPDATE batch_items SET status = 'COMPLETED', processed_at = now()",
        "UPDATE batch_items SET status = 'FAILED', processed_at = now()",
        "UPDATE batch_items SET status = 'CANCELLED'",
        "UPDATE batch_items SET lease_owner = gen_random_uuid()",
        "UPDATE batch_items SET progress = 1.5",
        "UPDATE batch_items SET report_id = (SELECT report_id FROM reports LIMIT 1)",
        "UPDATE batch_events SET kind = 'PROGRESS'",
        "UPDATE batch_events SET sequence = 0",
        "INSERT INTO batch_events SELECT * FROM batch_events",
        "UPDATE reports SET status = 'COMPLETED'",
        "UPDATE reports SET content_sha256 = 'abc'",
        "UPDATE reports SET content_size_bytes = 0",
        "UPDATE reports SET report_type = '10-K'",
    ],
)
def test_an_impossible_row_is_refused(store: Store, statement: str) -> None:
    store.submit(2)
    with pytest.raises(IntegrityError):
        store.rows(statement)


def test_an_outcome_of_an_old_execution_is_final(store: Store) -> None:
    batch = store.submit(1)
    store.run(batch, 0, REFUSED)
    store.retry(batch)
    with pytest.raises(IntegrityError):
        store.rows("UPDATE execution_items SET status = 'RETRYING'")
