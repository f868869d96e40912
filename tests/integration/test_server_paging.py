"""Listings over gRPC: every row once, whatever happens between two pages."""

from __future__ import annotations

import base64
import json

import grpc
import pytest

from fna.reports.v1 import batch_pb2 as pb
from fna.reports.v1 import report_pb2
from fna.reports.v1.batch_status_service_pb2 import BatchFilter, ListBatchesRequest, ListBatchItemsRequest
from fna.reports.v1.report_service_pb2 import ListReportsRequest
from tests.support.server import Client, refusal
from tests.support.storage import REFUSED, SUCCESS, Store


async def test_all_batches_are_listed_once_while_others_are_submitted(client: Client, store: Store) -> None:
    submitted = [str(store.submit(1).batch_id) for _ in range(7)]
    listed, token = [], ""
    while True:
        response = await client.status.ListBatches(ListBatchesRequest(page_size=2, page_token=token))
        listed += [batch.batch_id for batch in response.batches]
        token = response.next_page_token
        if not token:
            break
        store.submit(1)
    assert listed == submitted[::-1]


async def test_batches_of_the_same_moment_are_listed_once(client: Client, store: Store) -> None:
    submitted = {str(store.submit(1).batch_id) for _ in range(5)}
    store.rows("UPDATE batches SET created_at = '2026-01-01 00:00:00.123456+00'")
    listed, token = [], ""
    for _ in range(5):
        response = await client.status.ListBatches(ListBatchesRequest(page_size=1, page_token=token))
        listed += [batch.batch_id for batch in response.batches]
        token = response.next_page_token
    assert (set(listed), len(listed), token) == (submitted, 5, "")


async def test_the_size_of_a_page_may_change_between_pages(client: Client, store: Store) -> None:
    submitted = [str(store.submit(1).batch_id) for _ in range(5)]
    first = await client.status.ListBatches(ListBatchesRequest(page_size=1))
    rest = await client.status.ListBatches(ListBatchesRequest(page_size=100, page_token=first.next_page_token))
    assert [batch.batch_id for batch in [*first.batches, *rest.batches]] == submitted[::-1]


async def test_batches_are_found_by_status_label_and_id(client: Client, store: Store) -> None:
    done = store.submit(1, labels={"desk": "rates", "run": "1"})
    store.run(done)
    open_ = store.submit(1, labels={"desk": "rates"})
    other = store.submit(1, labels={"desk": "fx"})

    async def found(**conditions: object) -> list[str]:
        request = ListBatchesRequest(filter=BatchFilter(**conditions))  # type: ignore[arg-type] # fields, as the test names them
        return [batch.batch_id for batch in (await client.status.ListBatches(request)).batches]

    done_id, open_id, other_id = (str(batch.batch_id) for batch in (done, open_, other))
    assert await found() == [other_id, open_id, done_id]
    assert await found(statuses=[pb.BATCH_STATUS_COMPLETED]) == [done_id]
    assert await found(statuses=[pb.BATCH_STATUS_COMPLETED, pb.BATCH_STATUS_PROCESSING], labels={"desk": "rates"}) == [
        open_id,
        done_id,
    ]
    assert await found(labels={"desk": "rates", "run": "1"}) == [done_id]
    assert await found(labels={"desk": "equities"}) == []
    assert await found(batch_ids=[other_id, done_id.upper()]) == [other_id, done_id]


async def test_a_listed_batch_has_no_items(client: Client, store: Store) -> None:
    store.submit(2)
    (batch,) = (await client.status.ListBatches(ListBatchesRequest())).batches
    assert (batch.total_reports, len(batch.results)) == (2, 0)


async def test_items_are_listed_in_the_order_of_submission_with_the_sequence_they_stand_at(
    client: Client, store: Store
) -> None:
    batch = store.submit(7)
    positions, token = [], ""
    while True:
        request = ListBatchItemsRequest(batch_id=str(batch.batch_id), page_size=3, page_token=token)
        response = await client.status.ListBatchItems(request)
        assert response.last_sequence == store.batch(batch).last_sequence
        positions += [item.position for item in response.items]
        token = response.next_page_token
        if not token:
            break
        store.run(batch, len(positions))
    assert positions == list(range(7))


async def test_items_are_found_by_status_and_by_execution(client: Client, store: Store) -> None:
    batch = store.submit(3)
    store.run_all(batch, SUCCESS, REFUSED, REFUSED)
    again = store.retry(batch)

    async def found(status: pb.BatchItemStatus.ValueType, task_id: object) -> list[int]:
        request = ListBatchItemsRequest(batch_id=str(batch.batch_id), statuses=[status], task_id=str(task_id))
        return [item.position for item in (await client.status.ListBatchItems(request)).items]

    assert await found(pb.BATCH_ITEM_STATUS_FAILED, batch.task_id) == [1, 2]
    assert await found(pb.BATCH_ITEM_STATUS_FAILED, again.task_id) == []
    assert await found(pb.BATCH_ITEM_STATUS_PENDING, "") == [1, 2]
    assert await found(pb.BATCH_ITEM_STATUS_COMPLETED, "") == [0]


async def test_all_reports_are_listed_once_while_others_are_registered(client: Client, store: Store) -> None:
    registered = {report_id for _ in range(5) for report_id in store.reports(1)}
    listed, token = [], ""
    while True:
        response = await client.reports.ListReports(ListReportsRequest(page_size=2, page_token=token))
        listed += [report.report_id for report in response.reports]
        token = response.next_page_token
        if not token:
            break
        store.reports(1)
    assert (set(listed), len(listed)) == (registered, 5)


async def test_reports_are_found_by_company_and_status(client: Client, store: Store) -> None:
    first, second = store.reports(2)
    store.run(store.submit([first]))

    async def found(request: ListReportsRequest) -> list[str]:
        return [report.report_id for report in (await client.reports.ListReports(request)).reports]

    assert await found(ListReportsRequest(statuses=[report_pb2.REPORT_STATUS_COMPLETED])) == [first]
    assert await found(ListReportsRequest(company_id=second)) == [second]
    assert await found(ListReportsRequest(company_id=second, statuses=[report_pb2.REPORT_STATUS_FAILED])) == []


async def test_a_token_of_other_arguments_is_refused(client: Client, store: Store) -> None:
    batch, other = store.submit(3), store.submit(3)
    items = ListBatchItemsRequest(batch_id=str(batch.batch_id), page_size=1)
    token = (await client.status.ListBatchItems(items)).next_page_token
    listing = (await client.status.ListBatches(ListBatchesRequest(page_size=1))).next_page_token
    for call in (
        client.status.ListBatchItems(ListBatchItemsRequest(batch_id=str(other.batch_id), page_token=token)),
        client.status.ListBatchItems(
            ListBatchItemsRequest(
                batch_id=str(batch.batch_id), page_token=token, statuses=[pb.BATCH_ITEM_STATUS_PENDING]
            )
        ),
        client.status.ListBatches(ListBatchesRequest(page_token=token)),
        client.status.ListBatches(
            ListBatchesRequest(page_token=listing, filter=BatchFilter(statuses=[pb.BATCH_STATUS_PROCESSING]))
        ),
    ):
        refused = await refusal(call)
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
        assert refused.fields == ["page_token"]


def forged(token: str, *position: object) -> str:
    """Return a token for the same arguments and another position."""
    arguments, *_ = json.loads(base64.urlsafe_b64decode(token))
    return base64.urlsafe_b64encode(json.dumps([arguments, *position]).encode()).decode()


@pytest.mark.parametrize(
    "position",
    [(), ("x",), ("1", "2"), (None,), ("-1",), ("2147483648",), ("9" * 600,)],
)
async def test_a_forged_position_among_items_is_refused(
    client: Client, store: Store, position: tuple[object, ...]
) -> None:
    request = ListBatchItemsRequest(batch_id=str(store.submit(2).batch_id), page_size=1)
    request.page_token = forged((await client.status.ListBatchItems(request)).next_page_token, *position)
    assert (await refusal(client.status.ListBatchItems(request))).reason == "PAGE_TOKEN_INVALID"


@pytest.mark.parametrize(
    "position",
    [
        ("2026-01-01T00:00:00+00:00",),
        ("yesterday", "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c01"),
        ("2026-01-01T00:00:00+00:00", "b"),
        ("0001-01-01T00:00:00+23:59", "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c01"),
    ],
)
async def test_a_forged_position_among_batches_is_refused(
    client: Client, store: Store, position: tuple[object, ...]
) -> None:
    for _ in range(2):
        store.submit(1)
    request = ListBatchesRequest(page_size=1)
    request.page_token = forged((await client.status.ListBatches(request)).next_page_token, *position)
    assert (await refusal(client.status.ListBatches(request))).reason == "PAGE_TOKEN_INVALID"


@pytest.mark.parametrize("token", ["x", "####", "é", "bnVsbA==", "W10=", "e30=", "NQ==", "//8=", "W" * 1024])
async def test_a_malformed_token_is_refused(client: Client, token: str) -> None:
    refused = await refusal(client.status.ListBatches(ListBatchesRequest(page_token=token)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
