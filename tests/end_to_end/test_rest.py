"""The REST contract through gateway, server and worker, as users call it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(180)

BATCH = "/v1/reports/batch"


@pytest.fixture(scope="module")
def gateway(stack: Stack) -> str:
    """Give the address of a gateway in front of the module's server."""
    stack.start_gateway()
    return f"http://{stack.rest_address}"


@pytest.fixture
def http(gateway: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway, timeout=60) as http:
        yield http


def test_a_submission_is_accepted_and_its_status_followed(stack: Stack, http: httpx.Client) -> None:
    report_ids = stack.upload("quick", "quick")
    response = http.post(BATCH, json={"report_ids": report_ids})
    submitted = response.json()
    assert response.status_code == httpx.codes.ACCEPTED
    expected = {"status": "PROCESSING", "total_reports": 2, "successful": 0, "failed": 0, "results": []}
    assert expected.items() <= submitted.items()
    assert submitted["processed_at"] is None
    url = f"{BATCH}/{submitted['batch_id']}"
    assert response.headers["Location"] == url
    with stack.start_worker():
        stack.finished(submitted["batch_id"])
    batch = http.get(url).json()
    assert batch == http.get(url, params={"task_id": submitted["task_id"]}).json()
    expected = {"status": "COMPLETED", "task_id": submitted["task_id"], "successful": 2, "failed": 0}
    assert expected.items() <= batch.items()
    assert batch["processed_at"]
    assert [(item["report_id"], item["status"], item["errors"]) for item in batch["results"]] == [
        (report_id, "COMPLETED", []) for report_id in report_ids
    ]
    analysis = http.get(f"/v1/reports/{report_ids[0]}/analysis").json()
    assert analysis["analysis_id"] == batch["results"][0]["analysis_id"]
    other = http.get(url, params={"task_id": str(uuid4())})
    assert (other.status_code, other.json()["reason"]) == (httpx.codes.NOT_FOUND, "TASK_NOT_FOUND")


def test_an_operator_sees_a_batch_with_plain_sql(stack: Stack, http: httpx.Client) -> None:
    pending = "SELECT * FROM kombu_message WHERE visible = true"
    done = "SELECT task_id, status, result, date_done FROM celery_taskmeta"
    submitted = http.post(BATCH, json={"report_ids": stack.upload("quick")}).json()
    assert any(submitted["task_id"] in row["payload"] for row in stack.rows(pending))
    task = f"{done} WHERE task_id = %s"
    assert stack.rows(task, submitted["task_id"])[0]["status"] == "PROCESSING"
    with stack.start_worker():
        stack.finished(submitted["batch_id"])
    row = stack.rows(task, submitted["task_id"])[0]
    assert row["status"] == "SUCCESS"
    assert row["date_done"]
    result = json.loads(row["result"])
    assert (result["batch_id"], result["successful"]) == (submitted["batch_id"], 1)
    assert not [row for row in stack.rows(pending) if submitted["task_id"] in row["payload"]]
    assert len(stack.rows(done)) >= 1


def test_unknown_reports_are_named_up_to_the_first_hundred(stack: Stack, http: httpx.Client) -> None:
    unknown = [str(uuid4()) for _ in range(300)]
    response = http.post(BATCH, json={"report_ids": [*stack.upload("quick"), *unknown]})
    problem = response.json()
    assert response.status_code == httpx.codes.NOT_FOUND
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem["reason"] == "REPORT_NOT_FOUND"
    assert problem["metadata"]["unknown_count"] == 300
    assert problem["metadata"]["report_ids"] == unknown[:100]


ID = str(uuid4())


@pytest.mark.parametrize(
    ("report_ids", "field"),
    [
        pytest.param([], "report_ids", id="none"),
        pytest.param([ID, ID], "report_ids", id="duplicates"),
        pytest.param([ID, ID.upper()], "report_ids", id="duplicates in another case"),
        pytest.param([ID, "not-a-uuid"], "report_ids[1]", id="not a UUID"),
        pytest.param([str(uuid4()) for _ in range(10_001)], "report_ids", id="too many"),
        pytest.param(None, "report_ids", id="missing"),
    ],
)
def test_wrong_report_ids_are_refused_by_the_name_of_the_field(
    http: httpx.Client, report_ids: list[str] | None, field: str
) -> None:
    response = http.post(BATCH, json={"report_ids": report_ids} if report_ids is not None else {})
    problem = response.json()
    assert (response.status_code, problem["reason"]) == (httpx.codes.BAD_REQUEST, "INVALID_REQUEST")
    assert field in [error["field"] for error in problem["errors"]]


def test_an_idempotency_key_makes_one_batch_and_refuses_another_payload(stack: Stack, http: httpx.Client) -> None:
    first, second = stack.upload("quick", "quick")
    key = {"Idempotency-Key": "the quarter's first attempt"}
    once = http.post(BATCH, json={"report_ids": [first]}, headers=key)
    twice = http.post(BATCH, json={"report_ids": [first]}, headers=key)
    assert (once.status_code, twice.status_code) == (httpx.codes.ACCEPTED, httpx.codes.ACCEPTED)
    assert once.json() == twice.json()
    other = http.post(BATCH, json={"report_ids": [second]}, headers=key)
    assert (other.status_code, other.json()["reason"]) == (httpx.codes.UNPROCESSABLE_ENTITY, "REQUEST_ID_REUSED")
    assert stack.rows("SELECT count(*) AS batches FROM batch_items WHERE report_id = %s", first) == [{"batches": 1}]


def test_ten_thousand_reports_are_accepted_at_once(stack: Stack, http: httpx.Client) -> None:
    stack.upload("quick")
    made = stack.rows("""
        INSERT INTO reports (report_id, owner, company_id, report_type, content_type, content_size_bytes,
            content_sha256)
        SELECT gen_random_uuid(), (SELECT min(owner) FROM reports), gen_random_uuid(), '10_K', 'text/plain', 1,
            repeat('0', 64)
        FROM generate_series(1, 10000) RETURNING report_id
    """)
    body = {"report_ids": [str(row["report_id"]) for row in made]}
    http.get("/v1/reports/batch")
    started = time.monotonic()
    response = http.post(BATCH, json=body)
    seconds = time.monotonic() - started
    print(f"10,000 reports were accepted in {seconds:.2f} s")
    assert (response.status_code, response.json()["total_reports"]) == (httpx.codes.ACCEPTED, 10_000)
    # 1.5 s on an idle machine with two cores; this one runs other tests as well.
    assert seconds < 5
    cancelled = http.post(f"{BATCH}/{response.json()['batch_id']}:cancel")
    assert cancelled.json()["status"] == "CANCELLED"
