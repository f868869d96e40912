"""Requests and answers of the batch routes, as a REST client sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from fna.reports.v1 import batch_pb2
from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from tests.unit.gateway_peer import BATCH_ID, REPORT_ID, TASK_ID, Peer, batch, in_process, serve, submitted

OTHER_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c99"


@pytest.fixture
def peer() -> Peer:
    return Peer(
        answers={
            "SubmitBatch": submitted(),
            "GetBatch": status_pb2.GetBatchResponse(batch=batch()),
            "ListBatches": status_pb2.ListBatchesResponse(batches=[batch()], next_page_token="next"),
            "ListBatchItems": status_pb2.ListBatchItemsResponse(last_sequence=7),
            "CancelBatch": submission_pb2.CancelBatchResponse(batch=batch(status=batch_pb2.BATCH_STATUS_CANCELLING)),
            "RetryBatch": submission_pb2.RetryBatchResponse(batch=batch(execution_count=1)),
        }
    )


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


def only(peer: Peer) -> object:
    (request,) = peer.requests
    return request


async def test_a_submission_is_accepted_with_every_field_of_the_batch(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/reports/batch", json={"report_ids": [REPORT_ID]})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/reports/batch/{BATCH_ID}"
    assert answer.json() == {
        "batch_id": BATCH_ID,
        "task_id": TASK_ID,
        "status": "PROCESSING",
        "total_reports": 2,
        "successful": 0,
        "failed": 0,
        "cancelled": 0,
        "running": 0,
        "results": [],
        "processed_at": None,
        "created_at": "2026-11-23T05:26:00.123456Z",
        "updated_at": None,
        "started_at": None,
        "labels": {},
        "priority": 4,
        "execution_count": 1,
        "last_sequence": 1,
        "etag": "W1",
        "unknown_report_ids": [],
    }


async def test_a_submission_passes_on_all_that_it_says(client: httpx.AsyncClient, peer: Peer) -> None:
    await client.post(
        "/v1/reports/batch",
        json={
            "report_ids": [REPORT_ID, OTHER_ID],
            "labels": {"region": "eu"},
            "priority": 0,
            "execution_timeout": "1.5s",
            "request_id": OTHER_ID,
        },
    )
    expected = submission_pb2.SubmitBatchRequest(
        report_ids=[REPORT_ID, OTHER_ID], labels={"region": "eu"}, priority=0, request_id=OTHER_ID
    )
    expected.execution_timeout.FromJsonString("1.5s")
    assert only(peer) == expected


async def test_a_submission_without_options_leaves_them_to_the_service(client: httpx.AsyncClient, peer: Peer) -> None:
    await client.post("/v1/reports/batch", json={"report_ids": [REPORT_ID], "priority": None})
    assert only(peer) == submission_pb2.SubmitBatchRequest(report_ids=[REPORT_ID])


async def test_json_is_read_when_curl_calls_it_a_form(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/reports/batch",
        content=f'{{"report_ids": ["{REPORT_ID}"]}}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 202


async def test_a_validation_answers_200_and_names_every_unknown_id(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["SubmitBatch"] = submission_pb2.SubmitBatchResponse(
        batch=batch_pb2.Batch(total_reports=2), unknown_report_ids=[OTHER_ID]
    )
    answer = await client.post("/v1/reports/batch", json={"report_ids": [OTHER_ID], "validate_only": True})
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert answer.json()["unknown_report_ids"] == [OTHER_ID]
    assert answer.json()["batch_id"] is None
    assert answer.json()["status"] is None


async def test_a_batch_shows_its_items(client: httpx.AsyncClient, peer: Peer) -> None:
    why = AnyMessage()
    why.Pack(ErrorInfo(reason="PASSWORD_PROTECTED", domain="reports.fna"))
    failed = batch_pb2.BatchItem(
        report_id=REPORT_ID,
        status=batch_pb2.BATCH_ITEM_STATUS_FAILED,
        position=0,
        attempt_count=3,
        error=Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message="needs a password", details=[why]),
    )
    failed.processed_at.FromJsonString("2026-11-23T05:27:00Z")
    running = batch_pb2.BatchItem(
        report_id=OTHER_ID,
        status=batch_pb2.BATCH_ITEM_STATUS_PROCESSING,
        position=1,
        attempt_count=1,
        step="TEXT_EXTRACTION",
        progress=0.3,
    )
    peer.answers["GetBatch"] = status_pb2.GetBatchResponse(batch=batch(results=[failed, running], failed=1))
    first, second = (await client.get(f"/v1/reports/batch/{BATCH_ID}")).json()["results"]
    assert first == {
        "report_id": REPORT_ID,
        "status": "FAILED",
        "position": 0,
        "attempt_count": 3,
        "analysis_id": None,
        "errors": [{"code": "INVALID_ARGUMENT", "reason": "PASSWORD_PROTECTED", "message": "needs a password"}],
        "next_attempt_at": None,
        "started_at": None,
        "processed_at": "2026-11-23T05:27:00Z",
        "step": None,
        "progress": 0.0,
    }
    assert (second["status"], second["step"], second["progress"], second["errors"]) == (
        "PROCESSING",
        "TEXT_EXTRACTION",
        0.3,
        [],
    )


async def test_a_batch_can_be_asked_for_by_execution_and_view(client: httpx.AsyncClient, peer: Peer) -> None:
    await client.get(f"/v1/reports/batch/{BATCH_ID}", params={"task_id": TASK_ID, "view": "BASIC"})
    assert only(peer) == status_pb2.GetBatchRequest(batch_id=BATCH_ID, task_id=TASK_ID, view=batch_pb2.BATCH_VIEW_BASIC)


async def test_a_status_that_only_a_newer_server_knows_is_passed_on(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["GetBatch"] = status_pb2.GetBatchResponse(batch=batch_pb2.Batch(status=77))  # type: ignore[arg-type]  # that is the point
    assert (await client.get(f"/v1/reports/batch/{BATCH_ID}")).json()["status"] == "77"


async def test_batches_are_listed_by_status_label_and_id(client: httpx.AsyncClient, peer: Peer) -> None:
    answer = await client.get(
        "/v1/reports/batch",
        params={
            "status": ["PROCESSING", "FAILED"],
            "label": ["region:eu", "url:http://x"],
            "batch_id": [BATCH_ID],
            "page_size": 5,
            "page_token": "before",
        },
    )
    assert only(peer) == status_pb2.ListBatchesRequest(
        page_size=5,
        page_token="before",
        filter=status_pb2.BatchFilter(
            statuses=[batch_pb2.BATCH_STATUS_PROCESSING, batch_pb2.BATCH_STATUS_FAILED],
            labels={"region": "eu", "url": "http://x"},
            batch_ids=[BATCH_ID],
        ),
    )
    assert answer.json()["next_page_token"] == "next"
    assert [found["batch_id"] for found in answer.json()["batches"]] == [BATCH_ID]


async def test_items_are_listed_by_status_and_the_last_page_has_no_token(client: httpx.AsyncClient, peer: Peer) -> None:
    answer = await client.get(
        f"/v1/reports/batch/{BATCH_ID}/items",
        params={"status": "RETRYING", "page_size": 9, "page_token": "before", "task_id": TASK_ID},
    )
    assert only(peer) == status_pb2.ListBatchItemsRequest(
        batch_id=BATCH_ID,
        page_size=9,
        page_token="before",
        statuses=[batch_pb2.BATCH_ITEM_STATUS_RETRYING],
        task_id=TASK_ID,
    )
    assert answer.json() == {"items": [], "next_page_token": None, "last_sequence": 7}


@pytest.mark.parametrize("body", [None, b"", b"null", b"{}", b" \n"])
async def test_a_batch_is_cancelled_without_saying_why(client: httpx.AsyncClient, peer: Peer, body: bytes) -> None:
    answer = await client.post(f"/v1/reports/batch/{BATCH_ID}:cancel", content=body)
    assert (answer.status_code, answer.json()["status"]) == (202, "CANCELLING")
    assert only(peer) == submission_pb2.CancelBatchRequest(batch_id=BATCH_ID)


async def test_a_cancellation_passes_on_reason_and_etag(client: httpx.AsyncClient, peer: Peer) -> None:
    await client.post(f"/v1/reports/batch/{BATCH_ID}:cancel", json={"reason": "wrong quarter", "etag": "W1"})
    assert only(peer) == submission_pb2.CancelBatchRequest(batch_id=BATCH_ID, reason="wrong quarter", etag="W1")


async def test_a_retry_starts_a_new_execution(client: httpx.AsyncClient, peer: Peer) -> None:
    body = {"report_ids": [REPORT_ID], "etag": "W1", "request_id": OTHER_ID}
    answer = await client.post(f"/v1/reports/batch/{BATCH_ID}:retry", json=body)
    assert answer.status_code == 202
    assert only(peer) == submission_pb2.RetryBatchRequest(
        batch_id=BATCH_ID, report_ids=[REPORT_ID], etag="W1", request_id=OTHER_ID
    )


async def test_the_same_key_is_the_same_request_and_another_key_is_not(client: httpx.AsyncClient, peer: Peer) -> None:
    for key in ("order 66", "order 66", "x" * 255):
        await client.post("/v1/reports/batch", json={"report_ids": [REPORT_ID]}, headers={"Idempotency-Key": key})
    first, second, third = (request.request_id for request in peer.submissions)
    assert first == second != third
    # Clients that were answered once must meet their batch again after an upgrade of the gateway.
    assert first == "f4dbccb6-3262-5f0c-b340-7bf55556ac43"


@pytest.mark.parametrize("verb", ["cancel", "retry"])
async def test_a_verb_is_for_post_alone(client: httpx.AsyncClient, verb: str) -> None:
    answer = await client.get(f"/v1/reports/batch/{BATCH_ID}:{verb}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


async def test_an_unknown_verb_is_no_batch(client: httpx.AsyncClient, peer: Peer) -> None:
    assert (await client.get(f"/v1/reports/batch/{BATCH_ID}:explode")).status_code == 404
    assert peer.requests == []


async def test_a_key_that_is_the_request_id_itself_is_taken_as_it_is(client: httpx.AsyncClient, peer: Peer) -> None:
    body = {"report_ids": [REPORT_ID], "request_id": OTHER_ID}
    await client.post("/v1/reports/batch", json=body, headers={"Idempotency-Key": OTHER_ID})
    assert only(peer) == submission_pb2.SubmitBatchRequest(report_ids=[REPORT_ID], request_id=OTHER_ID)


async def test_a_key_and_another_request_id_contradict_each_other(client: httpx.AsyncClient, peer: Peer) -> None:
    body = {"report_ids": [REPORT_ID], "request_id": OTHER_ID}
    answer = await client.post("/v1/reports/batch", json=body, headers={"Idempotency-Key": "another"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "request_id"
    assert peer.requests == []
