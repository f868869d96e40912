"""Storage and contract: every status and every kind of event has its word in both."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from google.rpc.code_pb2 import ABORTED, DATA_LOSS, DEADLINE_EXCEEDED, FAILED_PRECONDITION, INTERNAL, UNAVAILABLE

from fna.reports.v1 import batch_pb2 as pb
from fna.reports.v1 import report_pb2
from reports_core.domain.batch import BatchStatus, Counters, ItemStatus, ReportStatus
from reports_core.domain.errors import InvalidRequest
from reports_core.domain.retry import DEADLINE_EXCEEDED as DEADLINE
from reports_core.domain.retry import WORKER_LOST, timed_out
from reports_core.storage import events
from reports_core.storage.events import NewEvent
from reports_core.storage.records import Batch, Event, Item
from reports_server import mapping

NOW = datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)
BATCH_ID, TASK_ID, REPORT_ID, ANALYSIS_ID = (UUID(int=number) for number in range(1, 5))

BATCH = Batch(
    batch_id=BATCH_ID,
    owner="default",
    request_fingerprint="f",
    task_id=TASK_ID,
    status=BatchStatus.PROCESSING,
    counters=Counters(10, 1, 2, 3, 4),
    labels={"desk": "rates"},
    priority=7,
    execution_timeout=None,
    execution_count=2,
    last_sequence=42,
    oldest_sequence=1,
    created_at=NOW,
    updated_at=NOW,
    started_at=NOW,
    processed_at=None,
)
ITEM = Item(3, REPORT_ID, ItemStatus.COMPLETED, attempt=2, analysis_id=ANALYSIS_ID, started_at=NOW, processed_at=NOW)
FAILED = Item(4, REPORT_ID, ItemStatus.FAILED, 1, error_reason="UNSUPPORTED_FORMAT", error_message="An image.")


def stored(event: NewEvent) -> Event:
    return Event(5, event.kind, event.status, event.data, NOW, 7)


def without_unspecified(names: list[str], prefix: str) -> set[str]:
    return {name.removeprefix(prefix) for name in names} - {"UNSPECIFIED"}


def test_statuses_are_the_same_words_in_contract_and_storage() -> None:
    assert without_unspecified(pb.BatchStatus.keys(), "BATCH_STATUS_") == {*BatchStatus}
    assert without_unspecified(pb.BatchItemStatus.keys(), "BATCH_ITEM_STATUS_") == {*ItemStatus}
    assert without_unspecified(report_pb2.ReportStatus.keys(), "REPORT_STATUS_") == {*ReportStatus}


@pytest.mark.parametrize("status", BatchStatus)
def test_a_batch_of_every_status_has_its_message(status: BatchStatus) -> None:
    message = mapping.batch_message(replace(BATCH, status=status))
    assert pb.BatchStatus.Name(message.status) == f"BATCH_STATUS_{status}"


@pytest.mark.parametrize("status", ItemStatus)
def test_an_item_of_every_status_has_its_message(status: ItemStatus) -> None:
    message = mapping.item_message(replace(ITEM, status=status))
    assert pb.BatchItemStatus.Name(message.status) == f"BATCH_ITEM_STATUS_{status}"
    assert mapping.item_statuses([message.status]) == [status]


def test_a_batch_in_an_event_is_the_batch_as_it_was() -> None:
    event = mapping.event_message(str(BATCH_ID), stored(events.status_changed("CANCELLING", BATCH)))
    assert (event.batch_id, event.sequence, event.occurred_at.ToDatetime(UTC)) == (str(BATCH_ID), 5, NOW)
    assert event.status_changed.batch == mapping.batch_message(BATCH)
    assert event.status_changed.previous_status == pb.BATCH_STATUS_CANCELLING
    assert not event.status_changed.final


@pytest.mark.parametrize("item", [ITEM, FAILED], ids=["completed", "failed"])
def test_an_item_in_an_event_is_the_item_as_it_was(item: Item) -> None:
    changed = events.item_changed(BATCH, ItemStatus.PROCESSING, item, BATCH.counters)
    event = mapping.event_message(str(BATCH_ID), stored(changed))
    assert event.item_changed.item == mapping.item_message(item)
    assert event.item_changed.previous_status == pb.BATCH_ITEM_STATUS_PROCESSING
    assert event.item_changed.counters == pb.BatchCounters(
        total_reports=10, successful=1, failed=2, cancelled=3, running=4
    )


def test_items_that_failed_together_share_their_error() -> None:
    changed = events.items_changed(BATCH, ItemStatus.FAILED, [7, 2], BATCH.counters, DEADLINE)
    event = mapping.event_message(str(BATCH_ID), stored(changed)).items_changed
    assert (event.status, list(event.positions)) == (pb.BATCH_ITEM_STATUS_FAILED, [2, 7])
    assert (event.error.code, event.error.message) == (DEADLINE_EXCEEDED, DEADLINE.message)


def test_an_unknown_kind_of_event_is_a_bug_and_not_passed_over() -> None:
    with pytest.raises(ValueError, match="SOMETHING_ELSE"):
        mapping.event_message(str(BATCH_ID), Event(1, "SOMETHING_ELSE", None, {}, NOW, 7))


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (WORKER_LOST.reason, ABORTED),
        (timed_out(60).reason, DEADLINE_EXCEEDED),
        (DEADLINE.reason, DEADLINE_EXCEEDED),
        ("CONTENT_MISSING", UNAVAILABLE),
        ("CONTENT_DAMAGED", DATA_LOSS),
        ("DOCUMENT_STORE_UNAVAILABLE", UNAVAILABLE),
        ("INTERNAL", INTERNAL),
        ("UNSUPPORTED_FORMAT", FAILED_PRECONDITION),
    ],
)
def test_the_error_of_an_item_has_the_code_of_its_reason(reason: str, code: int) -> None:
    assert mapping.item_message(replace(FAILED, error_reason=reason)).error.code == code


def test_what_is_not_set_is_not_in_the_message() -> None:
    message = mapping.item_message(Item(0, REPORT_ID, ItemStatus.PENDING, 0))
    assert message == pb.BatchItem(report_id=str(REPORT_ID), status=pb.BATCH_ITEM_STATUS_PENDING)


def test_a_day_that_no_calendar_has_is_refused() -> None:
    assert mapping.filing_date("") is None
    assert mapping.filing_date("2024-02-29") is not None
    with pytest.raises(InvalidRequest, match=r"report\.filing_date: 2023-02-29"):
        mapping.filing_date("2023-02-29")
