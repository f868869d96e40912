"""Batches over gRPC: submission, reading, cancellation and retry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, QuotaFailure

from fna.reports.v1 import batch_pb2 as pb
from fna.reports.v1.batch_status_service_pb2 import GetBatchRequest, ListBatchItemsRequest
from fna.reports.v1.batch_submission_service_pb2 import CancelBatchRequest, RetryBatchRequest, SubmitBatchRequest
from tests.support.server import Client, refusal, running
from tests.support.storage import BROKEN, REFUSED, SUCCESS, Store


async def submit(client: Client, report_ids: list[str], **fields: object) -> pb.Batch:
    response = await client.submission.SubmitBatch(SubmitBatchRequest(report_ids=report_ids, **fields))  # type: ignore[arg-type] # fields of the message, as the test names them
    return response.batch


async def get(client: Client, batch_id: object, **fields: object) -> pb.Batch:
    response = await client.status.GetBatch(GetBatchRequest(batch_id=str(batch_id), **fields))  # type: ignore[arg-type] # as above
    return response.batch


async def test_a_submission_answers_at_once_with_the_batch(client: Client, store: Store) -> None:
    report_ids = store.reports(3)
    batch = await submit(
        client, report_ids, labels={"desk": "rates"}, priority=0, execution_timeout=Duration(seconds=60)
    )
    assert (batch.status, batch.total_reports, batch.execution_count) == (pb.BATCH_STATUS_PROCESSING, 3, 1)
    assert (dict(batch.labels), batch.priority, batch.last_sequence) == ({"desk": "rates"}, 0, 1)
    assert not batch.results
    assert not batch.HasField("processed_at")
    assert not batch.HasField("started_at")
    shown = await get(client, batch.batch_id)
    assert [(item.position, item.report_id) for item in shown.results] == list(enumerate(report_ids))
    del shown.results[:]
    assert shown == batch


async def test_a_batch_has_priority_4_unless_told_otherwise(client: Client, store: Store) -> None:
    assert (await submit(client, store.reports(1))).priority == 4


async def test_ids_are_taken_in_any_case(client: Client, store: Store) -> None:
    (report_id,) = store.reports(1)
    batch = await submit(client, [report_id.upper()])
    assert (await get(client, batch.batch_id)).results[0].report_id == report_id


async def test_a_repeated_submission_is_one_batch(client: Client, store: Store) -> None:
    report_ids, request_id = store.reports(2), str(uuid4())
    first = await submit(client, report_ids, request_id=request_id)
    assert await submit(client, report_ids, request_id=request_id) == first
    refused = await refusal(submit(client, report_ids[:1], request_id=request_id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert dict(refused.info.metadata) == {"request_id": request_id}


async def test_a_dry_run_lists_all_unknown_ids_and_submits_nothing(client: Client, store: Store) -> None:
    known, unknown = store.reports(1), [str(uuid4()) for _ in range(200)]
    response = await client.submission.SubmitBatch(SubmitBatchRequest(report_ids=known + unknown, validate_only=True))
    assert list(response.unknown_report_ids) == unknown
    assert (response.batch.batch_id, response.batch.total_reports) == ("", 201)
    assert store.count("batches") == 0


async def test_ten_thousand_unknown_ids_are_refused_with_a_small_status(client: Client) -> None:
    unknown = [str(uuid4()) for _ in range(10_000)]
    refused = await refusal(submit(client, unknown))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "REPORT_NOT_FOUND")
    assert refused.info.metadata["report_ids"].split(",") == unknown[:100]
    assert refused.info.metadata["unknown_count"] == "10000"


async def test_a_batch_of_ten_thousand_is_accepted(client: Client, store: Store) -> None:
    assert (await submit(client, store.reports(10_000))).total_reports == 10_000


async def test_an_operator_may_allow_fewer_reports(store: Store, database_url: str, tmp_path: Path) -> None:
    async with running(database_url, tmp_path, max_batch_size=2) as client:
        refused = await refusal(submit(client, store.reports(3)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "BATCH_LIMIT_EXCEEDED")
    assert refused.info.metadata["limit"] == "2"
    ((violation,),) = [quota.violations for quota in refused.details(QuotaFailure)]
    assert violation.subject == "report_ids"


async def test_a_batch_shows_its_items_unless_the_basic_view_is_asked_for(client: Client, store: Store) -> None:
    batch = store.submit(3)
    store.run_all(batch, SUCCESS, REFUSED, BROKEN)
    shown = await get(client, batch.batch_id)
    assert [item.status for item in shown.results] == [
        pb.BATCH_ITEM_STATUS_COMPLETED,
        pb.BATCH_ITEM_STATUS_FAILED,
        pb.BATCH_ITEM_STATUS_RETRYING,
    ]
    assert (shown.successful, shown.failed, shown.cancelled, shown.running) == (1, 1, 0, 0)
    completed, failed, retrying = shown.results
    assert completed.analysis_id
    assert not completed.HasField("error")
    assert (failed.error.code, failed.error.message) == (
        grpc.StatusCode.FAILED_PRECONDITION.value[0],
        "This is an image.",
    )
    assert retrying.HasField("next_attempt_at")
    assert retrying.error.code == grpc.StatusCode.INTERNAL.value[0]
    basic = await get(client, batch.batch_id, view=pb.BATCH_VIEW_BASIC)
    assert not basic.results
    assert basic.etag == shown.etag


async def test_a_full_view_has_at_most_a_thousand_items(client: Client, store: Store) -> None:
    batch = store.submit(1001)
    assert len((await get(client, batch.batch_id)).results) == 1000


async def test_the_error_of_an_item_has_a_reason_for_programs(client: Client, store: Store) -> None:
    batch = store.submit(1)
    store.run(batch, 0, REFUSED)
    (item,) = (await get(client, batch.batch_id)).results
    info = ErrorInfo()
    assert item.error.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("UNSUPPORTED_FORMAT", "reports.fna")


async def test_unknown_batches_and_tasks_are_told_apart(client: Client, store: Store) -> None:
    batch, unknown = store.submit(1), str(uuid4())
    refused = await refusal(get(client, unknown))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")
    assert dict(refused.info.metadata) == {"batch_id": unknown}
    refused = await refusal(get(client, batch.batch_id, task_id=unknown))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
    assert dict(refused.info.metadata) == {"batch_id": str(batch.batch_id), "task_id": unknown}


@pytest.mark.parametrize("method", ["items", "watch", "cancel", "retry"])
async def test_every_method_of_a_batch_refuses_an_unknown_one(client: Client, method: str) -> None:
    unknown = str(uuid4())
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "items": lambda: client.status.ListBatchItems(ListBatchItemsRequest(batch_id=unknown)),
        "watch": lambda: client.watch(unknown),
        "cancel": lambda: client.submission.CancelBatch(CancelBatchRequest(batch_id=unknown)),
        "retry": lambda: client.submission.RetryBatch(RetryBatchRequest(batch_id=unknown)),
    }
    refused = await refusal(calls[method]())
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")


async def test_an_execution_is_asked_for_by_its_task_while_a_retry_runs(client: Client, store: Store) -> None:
    batch = store.submit(2)
    store.run_all(batch, SUCCESS, REFUSED)
    again = (await client.submission.RetryBatch(RetryBatchRequest(batch_id=str(batch.batch_id)))).batch
    assert (again.status, again.execution_count) == (pb.BATCH_STATUS_PROCESSING, 2)
    old = await get(client, batch.batch_id, task_id=str(batch.task_id))
    assert (old.task_id, old.status) == (str(batch.task_id), pb.BATCH_STATUS_PARTIALLY_COMPLETED)
    assert [item.status for item in old.results] == [pb.BATCH_ITEM_STATUS_COMPLETED, pb.BATCH_ITEM_STATUS_FAILED]
    current = await get(client, batch.batch_id, task_id=again.task_id)
    assert [item.status for item in current.results] == [pb.BATCH_ITEM_STATUS_COMPLETED, pb.BATCH_ITEM_STATUS_PENDING]


async def test_a_cancellation_answers_with_the_batch_and_may_be_repeated(client: Client, store: Store) -> None:
    batch = store.submit(2)
    store.start(batch)
    request = CancelBatchRequest(batch_id=str(batch.batch_id), reason="wrong files")
    first = (await client.submission.CancelBatch(request)).batch
    assert (first.status, first.cancelled, first.running) == (pb.BATCH_STATUS_CANCELLING, 1, 1)
    assert (await client.submission.CancelBatch(request)).batch == first


async def test_what_the_status_of_a_batch_forbids_is_a_failed_precondition(client: Client, store: Store) -> None:
    running_batch, done = store.submit(1), store.submit(1)
    store.run(done)

    async def reason(call: Awaitable[object]) -> str:
        refused = await refusal(call)
        assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
        return refused.reason

    submission = client.submission
    assert (
        await reason(submission.CancelBatch(CancelBatchRequest(batch_id=str(done.batch_id)))) == "BATCH_ALREADY_FINAL"
    )
    assert await reason(submission.RetryBatch(RetryBatchRequest(batch_id=str(done.batch_id)))) == "NOTHING_TO_RETRY"
    request = RetryBatchRequest(batch_id=str(running_batch.batch_id))
    assert await reason(submission.RetryBatch(request)) == "BATCH_NOT_FINAL"


async def test_a_stale_etag_is_aborted(client: Client, store: Store) -> None:
    batch = store.submit(2)
    store.run(batch)
    request = CancelBatchRequest(batch_id=str(batch.batch_id), etag=batch.etag)
    refused = await refusal(client.submission.CancelBatch(request))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


async def test_a_retry_names_the_report_that_it_cannot_run_again(client: Client, store: Store) -> None:
    report_ids = store.reports(2)
    batch = store.submit(report_ids)
    store.run_all(batch, SUCCESS, REFUSED)
    request = RetryBatchRequest(batch_id=str(batch.batch_id), report_ids=report_ids[::-1])
    refused = await refusal(client.submission.RetryBatch(request))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REPORT_NOT_IN_BATCH")
    assert refused.fields == ["report_ids[1]"]


async def test_a_repeated_retry_starts_one_execution(client: Client, store: Store) -> None:
    batch = store.submit(1)
    store.run(batch, 0, REFUSED)
    request = RetryBatchRequest(batch_id=str(batch.batch_id), request_id=str(uuid4()))
    first = (await client.submission.RetryBatch(request)).batch
    assert (await client.submission.RetryBatch(request)).batch == first
    request.report_ids.append(str(store.item(batch).report_id))
    refused = await refusal(client.submission.RetryBatch(request))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
