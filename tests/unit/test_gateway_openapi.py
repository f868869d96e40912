"""The OpenAPI document: complete, true to what is answered, and the same as the committed one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import BaseModel

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from reports_core.domain import errors
from reports_gateway import documented
from reports_gateway.openapi import EXAMPLES
from reports_gateway.problems import Problem
from reports_gateway.schemas import batch, batch_requests, delta, event, report, report_requests, result, webhook
from reports_server.errors import status_of
from tests.unit.gateway_peer import BATCH_ID, Peer, in_process, serve

MODELS: list[type[BaseModel]] = [
    Problem,
    batch.Batch,
    batch.BatchItemPage,
    batch.BatchPage,
    batch.SubmittedBatch,
    batch_requests.CancelBatchBody,
    batch_requests.RetryBatchBody,
    batch_requests.SubmitBatchBody,
    delta.NarrativeDelta,
    event.BatchesEventPage,
    event.EventPage,
    report.Report,
    report.ReportAnalysis,
    report.ReportPage,
    report.Uploads,
    report_requests.RegisterReportBody,
    result.BatchResults,
    webhook.NewWebhookSecret,
    webhook.RedeliverWebhookBody,
    webhook.RotateWebhookSecretBody,
    webhook.UpdateWebhookSettingsBody,
    webhook.WebhookDeliveries,
    webhook.WebhookDelivery,
    webhook.WebhookSettings,
]

# Reasons of attempts and streams, which are never the answer to a request.
NOT_ANSWERED = {"CONTENT_MISSING", "CONTENT_DAMAGED", "WATCHER_TOO_SLOW"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    path = Path(__file__).parents[2] / "docs" / "openapi.json"
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


async def test_the_gateway_serves_the_committed_document(document: dict[str, Any]) -> None:
    async with serve(Peer()) as target, in_process(target) as client:
        assert (await client.get("/openapi.json")).json() == document


def test_every_error_is_a_problem_and_has_a_description(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            assert status.isdecimal(), name
            assert response["description"], (name, status)
            if int(status) >= 400:
                (content,) = response["content"].items()
                assert content[0] == "application/problem+json"
                assert content[1]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_every_body_and_answer_in_json_has_an_example(document: dict[str, Any]) -> None:
    without = [
        (name, status)
        for name, operation in operations(document)
        for status, part in (("request", operation.get("requestBody", {})), *operation["responses"].items())
        for media_type, content in part.get("content", {}).items()
        if media_type == "application/json" and "examples" not in content
    ]
    assert without == [("GET /healthz", "200"), ("GET /readyz", "200"), ("GET /", "200")]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_an_example_is_complete_and_valid(model: type[BaseModel]) -> None:
    example = EXAMPLES[model.__name__]
    given = model.model_validate_json(json.dumps(example))
    if model.__name__.endswith("Body"):
        assert json.loads(given.model_dump_json(exclude_unset=True)) == example
    elif model in {event.EventPage, event.BatchesEventPage, Problem}:
        assert json.loads(given.model_dump_json(exclude_none=False, exclude_unset=True)) == example
    else:
        assert json.loads(given.model_dump_json()) == example


def test_there_is_no_other_example() -> None:
    assert set(EXAMPLES) == {model.__name__ for model in MODELS}


def test_operations_are_named_like_the_methods_of_the_contract(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert {method.name for method in status_pb2.DESCRIPTOR.services_by_name["BatchStatusService"].methods} < set(names)


def test_a_watch_is_described_as_text_whose_data_is_an_event(document: dict[str, Any]) -> None:
    watch = document["paths"]["/v1/reports/batch/{batch_id}:watch"]["get"]
    content = watch["responses"]["200"]["content"]["text/event-stream"]
    assert content["schema"]["type"] == "string"
    reference = content["schema"]["x-event-data"]["$ref"]
    assert reference.rpartition("/")[2] in document["components"]["schemas"]
    data = content["example"].partition("data: ")[2].partition("\n")[0]
    assert event.BatchEvent.model_validate_json(data).sequence


def test_bodies_are_described_for_each_media_type(document: dict[str, Any]) -> None:
    for path, several in (("/v1/reports", {"file", "files"}), ("/v1/reports/batch", {"files", "label"})):
        content = document["paths"][path]["post"]["requestBody"]["content"]
        assert set(content) == {"application/json", "multipart/form-data"}
        assert several <= set(content["multipart/form-data"]["schema"]["properties"])


def concrete(kind: type[errors.DomainError]) -> Iterator[type[errors.DomainError]]:
    if "reason" in vars(kind):
        yield kind
    for below in kind.__subclasses__():
        yield from concrete(below)


@pytest.mark.parametrize("kind", list(concrete(errors.DomainError)), ids=lambda kind: kind.__name__)
async def test_each_refusal_of_the_service_has_the_status_that_is_documented(kind: type[errors.DomainError]) -> None:
    refused = kind.__new__(kind)
    if isinstance(refused, errors.InvalidRequest):
        errors.InvalidRequest.__init__(refused, "field", "is wrong")
    else:
        errors.DomainError.__init__(refused, "no")
    peer = Peer(answers={"GetBatch": status_of(refused)})
    async with serve(peer) as target, in_process(target) as client:
        answer = await client.get(f"/v1/reports/batch/{BATCH_ID}")
    if kind.reason not in NOT_ANSWERED:
        assert answer.status_code == documented.REASONS[kind.reason][0]
    assert answer.json()["reason"] == kind.reason


def test_every_reason_of_the_gateway_is_documented() -> None:
    known = {kind.reason for kind in concrete(errors.DomainError)}
    of_gateway = {"CROSS_SITE_REFUSED", "REQUEST_STALLED", "NOT_READY"}
    of_server = {"DATABASE_UNAVAILABLE", "DOCUMENT_STORE_UNAVAILABLE", "SERVER_DRAINING"}
    assert set(documented.REASONS) == (known - NOT_ANSWERED) | of_gateway | of_server


def test_unavailable_is_documented_with_the_time_to_wait(document: dict[str, Any]) -> None:
    found = [operation["responses"].get("503") for _, operation in operations(document)]
    assert any(found)
    assert all("Retry-After" in response["headers"] for response in found if response)


def test_grpc_codes_are_names_in_a_problem() -> None:
    assert EXAMPLES["Problem"]["code"] in {code.name for code in grpc.StatusCode}
