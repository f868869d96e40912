"""Webhooks from a worker to a receiver, with real processes that are killed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fna.reports.webhooks import verify
from reports_core.storage import migrations
from tests.support.databases import Databases
from tests.support.receiver import Receiver, Reply
from tests.support.stack import Stack, python_path
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def stack(databases: Databases, tmp_path: Path) -> Iterator[Stack]:
    with (
        databases.migrated(migrations.upgrade) as url,
        Stack(url, tmp_path, PYTHONPATH=python_path(), FNA_REPORTS_WEBHOOK_ALLOW_PRIVATE="true") as stack,
    ):
        stack.start_server()
        stack.start_gateway()
        yield stack


def rest(stack: Stack, method: str, path: str, **options: Any) -> dict[str, Any]:
    answer = httpx.request(method, f"http://{stack.rest_address}{path}", **options)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def new_secret(stack: Stack) -> str:
    return str(rest(stack, "POST", "/v1/webhook:rotateSecret")["secret"])


def submit(stack: Stack, url: str, text: str = 20 * "Revenue grew in all segments. ") -> str:
    body = {"report_ids": stack.upload(text), "webhook_url": url}
    return str(rest(stack, "POST", "/v1/reports/batch", json=body)["batch_id"])


def deliveries(stack: Stack, batch_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rest(stack, "GET", f"/v1/reports/batch/{batch_id}/webhook-deliveries")["deliveries"]
    return found


def delivered(stack: Stack, batch_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        return next((found for found in deliveries(stack, batch_id) if found["status"] == "DELIVERED"), None)

    found = eventually(look, 60, "the delivery")
    assert found is not None
    return found


def test_the_end_of_a_batch_is_delivered_signed_and_retried_until_it_is_taken(stack: Stack) -> None:
    secret = new_secret(stack)
    stack.start_worker()
    with Receiver(Reply(500), Reply(204)) as receiver:
        batch_id = submit(stack, receiver.url)
        delivery = delivered(stack, batch_id)
    assert [attempt["response_status"] for attempt in delivery["attempts"]] == [500, 204]
    first, second = (verify(received.body, received.headers, secret) for received in receiver.received)
    assert first == second
    assert first.id == delivery["delivery_id"]
    assert (first.type, first.data["batch_id"], first.data["status"]) == ("batch.finished", batch_id, "COMPLETED")
    batch = rest(stack, "GET", f"/v1/reports/batch/{batch_id}")
    assert {name: batch[name] for name in first.data} == first.data


def test_a_delivery_that_is_asked_for_again_comes_again(stack: Stack) -> None:
    secret = new_secret(stack)
    stack.start_worker()
    with Receiver() as receiver:
        batch_id = submit(stack, receiver.url)
        delivery_id = delivered(stack, batch_id)["delivery_id"]
        path = f"/v1/reports/batch/{batch_id}/webhook-deliveries/{delivery_id}:redeliver"
        assert rest(stack, "POST", path)["status"] == "PENDING"
        eventually(lambda: len(receiver.received) == 2, 30, "the second delivery")
        found = delivered(stack, batch_id)
    assert found["attempt_count"] == 2
    assert {verify(received.body, received.headers, secret).id for received in receiver.received} == {delivery_id}


def test_a_worker_that_is_killed_while_it_delivers_loses_nothing(stack: Stack) -> None:
    secret = new_secret(stack)
    hold = threading.Event()
    with Receiver(Reply(hold=hold), Reply(204)) as receiver:
        worker = stack.start_worker(concurrency=1)
        batch_id = submit(stack, receiver.url)
        eventually(lambda: receiver.received, 60, "the first attempt")
        worker.kill()
        stack.start_worker(concurrency=1)
        delivery = delivered(stack, batch_id)
    assert delivery["attempt_count"] == 1
    identifiers = {verify(received.body, received.headers, secret).id for received in receiver.received}
    assert identifiers == {delivery["delivery_id"]}
    assert len(receiver.received) == 2


def test_an_answer_that_cannot_be_read_is_an_attempt_like_any_other(stack: Stack) -> None:
    new_secret(stack)
    stack.start_worker()
    odd = Reply(503, {"Retry-After": f"Thu, 01 Jan 2015 00:00:00 +{20 * '9'}"})
    with Receiver(odd, Reply(302, {"Location": "http://xn--i-7iq.ws/"}), Reply(204)) as receiver:
        delivery = delivered(stack, submit(stack, receiver.url))
    assert [attempt["response_status"] for attempt in delivery["attempts"]] == [503, 302, 204]


def test_a_batch_that_is_cancelled_is_told_without_any_worker_having_had_it(stack: Stack) -> None:
    new_secret(stack)
    with Receiver() as receiver:
        batch_id = submit(stack, receiver.url)
        rest(stack, "POST", f"/v1/reports/batch/{batch_id}:cancel")
        stack.start_worker()
        delivered(stack, batch_id)
    assert json.loads(receiver.received[0].body)["data"]["status"] == "CANCELLED"


def test_a_private_address_is_refused_where_it_is_not_allowed(databases: Databases, tmp_path: Path) -> None:
    with databases.migrated(migrations.upgrade) as url, Stack(url, tmp_path, PYTHONPATH=python_path()) as stack:
        stack.start_server()
        stack.start_gateway()
        new_secret(stack)
        gateway, private = f"http://{stack.rest_address}", "http://127.0.0.1:8000/hooks"
        body = {"report_ids": stack.upload("Revenue grew."), "webhook_url": private}
        submitted = httpx.post(f"{gateway}/v1/reports/batch", json=body)
        updated = httpx.put(f"{gateway}/v1/webhook", json={"url": private})
    for refused, field in ((submitted, "webhook_url"), (updated, "url")):
        assert refused.status_code == httpx.codes.BAD_REQUEST
        (error,) = refused.json()["errors"]
        assert error["field"] == field
        assert "FNA_REPORTS_WEBHOOK_ALLOW_PRIVATE" in error["message"]
