"""The schema: made once however many start at once, and refusing rows that cannot be."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError

from reports_core.storage import migrations
from tests.support.storage import REFUSED, Store

TABLES = {
    "alembic_version",
    "batch_events",
    "batch_executions",
    "batch_items",
    "batches",
    "celery_taskmeta",
    "celery_tasksetmeta",
    "execution_items",
    "kombu_message",
    "kombu_queue",
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


def test_a_database_that_celery_used_before_is_taken_as_it_is(empty_database_url: str) -> None:
    with Store(empty_database_url) as store:
        store.rows("CREATE SEQUENCE queue_id_sequence")
        store.rows("CREATE TABLE kombu_queue (id int PRIMARY KEY, name varchar(200) UNIQUE)")
        store.rows("ALTER TABLE kombu_queue ALTER id SET DEFAULT nextval('queue_id_sequence')")
        store.rows("INSERT INTO kombu_queue (name) VALUES ('batch_processing'), ('reports')")
        migrations.upgrade(empty_database_url)
        names = {name for (name,) in store.rows("SELECT name FROM kombu_queue")}
    assert names == {"batch_processing", "report_processing", "default", "reports"}


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
