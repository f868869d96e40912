"""Webhook settings, secrets and deliveries over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from fna.reports.v1 import webhook_pb2
from tests.unit.gateway_peer import (
    BATCH_ID,
    COMPANY_ID,
    REPORT_ID,
    TASK_ID,
    Peer,
    in_process,
    refusal,
    serve,
    submitted,
)

URL = "https://example.com/hooks"
SETTINGS = webhook_pb2.WebhookSettings(url=URL, has_secret=True)
DELIVERY = webhook_pb2.WebhookDelivery(
    delivery_id=REPORT_ID,
    batch_id=BATCH_ID,
    task_id=TASK_ID,
    url=URL,
    status=webhook_pb2.WEBHOOK_DELIVERY_STATUS_RETRYING,
    attempt_count=1,
    attempts=[
        webhook_pb2.WebhookAttempt(
            duration=Duration(nanos=250_000_000), response_status=500, error="the receiver answered 500"
        )
    ],
)
DELIVERIES = f"/v1/reports/batch/{BATCH_ID}/webhook-deliveries"
REDELIVER = f"{DELIVERIES}/{REPORT_ID}:redeliver"


@pytest.fixture
def peer() -> Peer:
    return Peer(
        answers={
            "GetWebhookSettings": submission_pb2.GetWebhookSettingsResponse(),
            "UpdateWebhookSettings": submission_pb2.UpdateWebhookSettingsResponse(settings=SETTINGS),
            "RotateWebhookSecret": submission_pb2.RotateWebhookSecretResponse(secret="whsec_AA==", settings=SETTINGS),
            "RedeliverWebhook": submission_pb2.RedeliverWebhookResponse(delivery=DELIVERY),
            "ListWebhookDeliveries": status_pb2.ListWebhookDeliveriesResponse(deliveries=[DELIVERY]),
            "SubmitBatch": submitted(),
        }
    )


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


async def test_settings_that_were_never_made_are_empty(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/webhook")
    assert answer.json() == {"url": None, "has_secret": False, "secret_created_at": None}


@pytest.mark.parametrize(("body", "url"), [({"url": URL}, URL), ({"url": ""}, "")])
async def test_the_url_is_set_or_taken_away(
    client: httpx.AsyncClient, peer: Peer, body: dict[str, str], url: str
) -> None:
    answer = await client.put("/v1/webhook", json=body)
    assert (answer.status_code, answer.json()["url"]) == (200, URL)
    assert peer.requests == [submission_pb2.UpdateWebhookSettingsRequest(url=url)]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"url": null}'])
async def test_a_url_is_not_taken_away_by_saying_nothing(client: httpx.AsyncClient, peer: Peer, content: bytes) -> None:
    answer = await client.put("/v1/webhook", content=content)
    assert answer.json()["errors"] == [{"field": "url", "message": "is required"}]
    assert peer.requests == []


@pytest.mark.parametrize("content", [b"", b"{}", b"null"])
async def test_a_secret_is_made_and_shown(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/v1/webhook:rotateSecret", content=content)
    assert (answer.status_code, answer.json()["secret"]) == (200, "whsec_AA==")
    assert answer.headers["cache-control"] == "no-store"


async def test_deliveries_are_listed_with_their_attempts(client: httpx.AsyncClient) -> None:
    answer = await client.get(DELIVERIES)
    (delivery,) = answer.json()["deliveries"]
    assert (delivery["status"], delivery["url"], delivery["delivered_at"]) == ("RETRYING", URL, None)
    assert delivery["attempts"] == [
        {"started_at": None, "duration": "0.250s", "response_status": 500, "error": "the receiver answered 500"}
    ]


async def test_a_delivery_is_asked_for_again(client: httpx.AsyncClient, peer: Peer) -> None:
    answer = await client.post(REDELIVER)
    assert (answer.status_code, answer.json()["delivery_id"]) == (202, REPORT_ID)
    assert peer.requests == [submission_pb2.RedeliverWebhookRequest(batch_id=BATCH_ID, delivery_id=REPORT_ID)]


async def test_a_batch_takes_its_url_by_json_and_by_form(client: httpx.AsyncClient, peer: Peer) -> None:
    await client.post("/v1/reports/batch", json={"report_ids": [REPORT_ID], "webhook_url": URL})
    assert peer.submissions[-1].webhook_url == URL


async def test_what_is_missing_for_webhooks_is_409(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["UpdateWebhookSettings"] = refusal(grpc.StatusCode.FAILED_PRECONDITION, "WEBHOOK_SECRET_MISSING")
    answer = await client.put("/v1/webhook", json={"url": URL})
    assert (answer.status_code, answer.json()["reason"]) == (409, "WEBHOOK_SECRET_MISSING")


@pytest.mark.parametrize("path", ["/v1/webhook:rotateSecret", REDELIVER])
async def test_a_page_of_another_site_cannot_do_it(client: httpx.AsyncClient, peer: Peer, path: str) -> None:
    answer = await client.post(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert peer.requests == []


async def test_a_body_that_is_more_than_nothing_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.post(REDELIVER, json={"company_id": COMPANY_ID})
    assert answer.json()["errors"][0]["field"] == "company_id"
