"""Celery's result table: an execution under its task id, for psql and for `AsyncResult`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from celery.result import AsyncResult

from reports_core.storage import results
from reports_core.storage.outcomes import Outcome
from reports_core.storage.records import Batch
from reports_worker.results import BatchNotSuccessful, PostgresqlBackend
from tests.support.storage import REFUSED, STOPPED, SUCCESS, Store

EXPIRES = timedelta(hours=1)


@pytest.fixture
def backend(database_url: str) -> Iterator[PostgresqlBackend]:
    url = "postgresql+psycopg2" + database_url.removeprefix("postgresql")
    app = Celery(set_as_current=False)
    app.conf.update(result_serializer="json", accept_content=["json"])
    backend = PostgresqlBackend(app=app, url=url)
    yield backend
    backend.close()


def meta(store: Store, batch: Batch) -> tuple[str, dict[str, Any]]:
    ((status, result),) = store.rows(
        "SELECT status, result FROM celery_taskmeta WHERE task_id = :task_id", task_id=str(batch.task_id)
    )
    return status, json.loads(result)


@pytest.mark.parametrize(
    ("outcomes", "celery_status", "batch_status"),
    [
        ([SUCCESS, SUCCESS], "SUCCESS", "COMPLETED"),
        ([SUCCESS, REFUSED], "SUCCESS", "PARTIALLY_COMPLETED"),
        ([REFUSED, REFUSED], "FAILURE", "FAILED"),
        ([STOPPED, STOPPED], "REVOKED", "CANCELLED"),
    ],
)
def test_the_row_of_an_execution_follows_its_batch(
    store: Store, outcomes: list[Outcome], celery_status: str, batch_status: str
) -> None:
    batch = store.submit(2)
    status, result = meta(store, batch)
    assert (status, result["status"], result["batch_id"]) == ("PROCESSING", "PROCESSING", str(batch.batch_id))
    after = store.run_all(batch, *outcomes)
    status, result = meta(store, batch)
    assert (status, result["status"]) == (celery_status, batch_status)
    assert (result["successful"], result["failed"], result["cancelled"]) == (
        after.counters.successful,
        after.counters.failed,
        after.counters.cancelled,
    )
    assert result["processed_at"] is not None


def test_a_success_is_read_with_celery_s_own_result(store: Store, backend: PostgresqlBackend) -> None:
    batch = store.submit(1)
    running = AsyncResult(str(batch.task_id), backend=backend, app=backend.app)
    assert (running.status, running.ready()) == ("PROCESSING", False)
    store.run(batch)
    done = AsyncResult(str(batch.task_id), backend=backend, app=backend.app)
    assert done.successful()
    assert done.get(timeout=10)["successful"] == 1


def test_a_failed_execution_raises_what_celery_s_users_expect(store: Store, backend: PostgresqlBackend) -> None:
    batch = store.submit(1)
    store.run(batch, 0, REFUSED)
    result = AsyncResult(str(batch.task_id), backend=backend, app=backend.app)
    assert (result.status, result.failed()) == ("FAILURE", True)
    with pytest.raises(BatchNotSuccessful, match=f"{batch.batch_id} is FAILED: 1 failed"):
        result.get(timeout=10)


def test_a_cancelled_execution_is_revoked(store: Store, backend: PostgresqlBackend) -> None:
    batch = store.submit(1)
    store.cancel(batch)
    assert AsyncResult(str(batch.task_id), backend=backend, app=backend.app).status == "REVOKED"


def test_executions_have_rows_of_their_own(store: Store) -> None:
    batch = store.submit(1)
    store.run(batch, 0, REFUSED)
    again = store.retry(batch)
    assert (meta(store, batch)[0], meta(store, again)[0]) == ("FAILURE", "PROCESSING")


def test_counters_of_a_running_execution_are_refreshed_at_most_once_a_second(store: Store) -> None:
    batch = store.submit(3)
    now = store.run(batch, 0).batch
    store.do(results.refresh, now)
    assert meta(store, batch)[1]["successful"] == 0
    store.rows("UPDATE celery_taskmeta SET date_done = date_done - interval '2 seconds'")
    store.do(results.refresh, now)
    assert meta(store, batch)[1]["successful"] == 1


def test_a_late_refresh_does_not_undo_the_end(store: Store) -> None:
    batch = store.submit(2)
    stale = store.run(batch, 0).batch
    store.run(batch, 1)
    store.rows("UPDATE celery_taskmeta SET date_done = date_done - interval '2 seconds'")
    store.do(results.refresh, stale)
    assert meta(store, batch)[0] == "SUCCESS"


def test_results_expire_when_they_are_final_and_never_before(store: Store, backend: PostgresqlBackend) -> None:
    running, failed, fresh = (store.submit(1) for _ in range(3))
    store.run(failed, 0, REFUSED)
    store.run(fresh)
    store.rows(
        "UPDATE celery_taskmeta SET date_done = date_done - interval '2 hours' WHERE task_id <> :fresh",
        fresh=str(fresh.task_id),
    )
    store.do(results.expire, EXPIRES)
    kept = {task_id for (task_id,) in store.rows("SELECT task_id FROM celery_taskmeta")}
    assert kept == {str(running.task_id), str(fresh.task_id)}
    assert store.batch(failed).status == "FAILED", "the batch itself does not expire"
    assert AsyncResult(str(failed.task_id), backend=backend, app=backend.app).status == "PENDING"
