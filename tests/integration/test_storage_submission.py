"""Submission of a batch: everything that belongs to it, once, or nothing."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from reports_core.domain.errors import AnalysisNotFound, BatchNotFound, ReportsNotFound, RequestIdReused
from reports_core.storage import analyses, batches, queue, reports
from reports_core.storage.batches import BatchFilter, NewBatch
from reports_core.storage.transactions import transaction
from tests.support.storage import OWNER, Store

BELONGINGS = ("batches", "batch_items", "batch_executions", "batch_events", "celery_taskmeta", "kombu_message")


def test_a_submission_is_a_batch_with_items_execution_event_result_and_one_message(store: Store) -> None:
    report_ids = store.reports(3)
    batch = store.submit(report_ids, dispatched=False, labels={"desk": "rates"}, priority=7)

    assert (batch.status, batch.last_sequence, batch.execution_count) == ("PROCESSING", 1, 1)
    assert (batch.labels, batch.priority, batch.counters.total_reports) == ({"desk": "rates"}, 7, 3)
    assert [(item.position, str(item.report_id), item.status) for item in store.items(batch)] == [
        (position, report_id, "PENDING") for position, report_id in enumerate(report_ids)
    ]
    ((task_id, dispatched_at),) = store.rows("SELECT task_id, dispatched_at FROM batch_executions")
    assert (task_id, dispatched_at) == (batch.task_id, None)
    (event,) = store.events(batch)
    assert (event.sequence, event.kind, event.data["previous_status"]) == (1, "STATUS_CHANGED", None)
    ((meta_id, meta_status),) = store.rows("SELECT task_id, status FROM celery_taskmeta")
    assert (meta_id, meta_status) == (str(batch.task_id), "PROCESSING")


def test_the_message_of_a_submission_is_the_celery_task_of_its_execution(store: Store) -> None:
    batch = store.submit(2, dispatched=False, priority=9)
    ((name, message_id, priority, payload),) = store.rows(
        "SELECT queue, message_id, priority, payload FROM kombu_message WHERE visible = true"
    )
    message = json.loads(payload)
    assert (name, message_id, priority) == ("batch_processing", str(batch.task_id), 9)
    assert json.loads(message["body"])[0] == [str(batch.batch_id), str(batch.task_id)]
    assert (message["headers"]["id"], message["headers"]["task"]) == (str(batch.task_id), "reports.process_batch")
    assert message["properties"]["priority"] == 9


def test_a_submission_that_is_rolled_back_leaves_nothing(store: Store) -> None:
    report_ids = store.reports(2)
    with transaction(store.engine) as conn:
        batches.submit(conn, NewBatch(OWNER, report_ids), store.queue)
        conn.rollback()
    assert {table: store.count(table) for table in BELONGINGS} == dict.fromkeys(BELONGINGS, 0)


def test_one_unknown_id_refuses_the_whole_submission(store: Store) -> None:
    known, unknown = store.reports(2), [str(uuid4()) for _ in range(150)]
    with pytest.raises(ReportsNotFound) as refused:
        store.submit([known[0], *unknown, known[1]])
    assert refused.value.metadata == {"report_ids": ",".join(unknown[:100]), "unknown_count": "150"}
    assert {table: store.count(table) for table in BELONGINGS} == dict.fromkeys(BELONGINGS, 0)


def test_a_report_of_somebody_else_is_unknown(store: Store) -> None:
    (foreign,) = store.reports(1, owner="other")
    with pytest.raises(ReportsNotFound, match=foreign):
        store.submit([foreign])
    assert store.do(reports.unknown, OWNER, [foreign]) == [foreign]


def test_a_repeat_of_a_request_returns_the_batch_of_the_first_call_as_it_is_now(store: Store) -> None:
    report_ids, request_id = store.reports(2), uuid4()
    first = store.submit(report_ids, request_id=request_id, labels={"a": "1", "b": "2"})
    store.run(first)
    repeat = store.submit(report_ids, dispatched=False, request_id=request_id, labels={"b": "2", "a": "1"})
    assert repeat == store.batch(first)
    assert repeat.counters.successful == 1
    assert store.count("batches") == 1
    assert store.waiting(queue.BATCH_QUEUE) == 0


def test_the_same_request_from_many_threads_at_once_is_one_batch(store: Store) -> None:
    new = NewBatch(OWNER, store.reports(50), request_id=uuid4())
    barrier = Barrier(8, timeout=30)

    def submit() -> UUID:
        barrier.wait()
        return store.do(batches.submit, new, store.queue).batch_id

    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(submit) for _ in range(8)]]
    assert len(set(answers)) == 1
    assert {table: store.count(table) for table in BELONGINGS} == dict.fromkeys(BELONGINGS, 1) | {"batch_items": 50}


@pytest.mark.parametrize(
    "changed",
    [
        {"reverse": True},
        {"labels": {"desk": "fx"}},
        {"priority": 5},
        {"execution_timeout": timedelta(seconds=61)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_request_id_serves_one_payload_only(store: Store, changed: dict[str, Any]) -> None:
    report_ids, request_id = store.reports(2), uuid4()
    options: dict[str, Any] = {"labels": {"desk": "rates"}, "execution_timeout": timedelta(seconds=60)}
    store.submit(report_ids, request_id=request_id, **options)
    again = report_ids[::-1] if changed.pop("reverse", False) else report_ids
    with pytest.raises(RequestIdReused) as refused:
        store.submit(again, request_id=request_id, **options | changed)
    assert refused.value.metadata == {"request_id": str(request_id)}


def test_owners_choose_request_ids_without_regard_to_each_other(store: Store) -> None:
    request_id = uuid4()
    mine = store.submit(store.reports(1), request_id=request_id)
    theirs = store.do(batches.submit, NewBatch("other", store.reports(1, "other"), request_id=request_id), store.queue)
    assert mine.batch_id != theirs.batch_id


def test_an_owner_sees_nothing_of_another(store: Store) -> None:
    batch = store.submit(1)
    ended = store.run(batch)
    report_id = ended.item.report_id
    with pytest.raises(BatchNotFound):
        store.do(batches.get, "other", batch.batch_id)
    with pytest.raises(BatchNotFound):
        store.do(batches.cancel, "other", batch.batch_id)
    with pytest.raises(BatchNotFound):
        store.do(batches.retry, "other", batch.batch_id, batches.Retry(), store.queue)
    with pytest.raises(ReportsNotFound):
        store.do(reports.get, "other", report_id)
    with pytest.raises(ReportsNotFound):
        store.do(analyses.get, "other", report_id, ended.item.analysis_id)
    assert store.do(batches.list_page, "other", BatchFilter(), limit=10, before=None) == []
    listed = store.do(reports.list_page, "other", company_id=None, statuses=(), limit=10, before=None)
    assert listed == []


def test_an_analysis_is_that_of_its_own_report_only(store: Store) -> None:
    batch = store.submit(2)
    first, second = store.run(batch, 0).item, store.run(batch, 1).item
    assert store.do(analyses.get, OWNER, first.report_id, first.analysis_id).report_id == first.report_id
    with pytest.raises(AnalysisNotFound):
        store.do(analyses.get, OWNER, first.report_id, second.analysis_id)
