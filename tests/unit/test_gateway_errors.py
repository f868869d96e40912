"""Errors, whoever makes them, are problem details that name the field and the cause."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status

from reports_gateway.problems import Problem
from tests.unit.gateway_peer import BATCH_ID, REPORT_ID, Peer, in_process, refusal, running, serve

SUBMIT = "/v1/reports/batch"
GET = f"/v1/reports/batch/{BATCH_ID}"


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


def problem(answer: httpx.Response) -> dict[str, object]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, object] = answer.json()
    assert found["status"] == answer.status_code
    Problem.model_validate(found)
    return found


def fields(answer: httpx.Response) -> list[str]:
    return [error["field"] for error in problem(answer)["errors"]]  # type: ignore[attr-defined]  # validated above


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", 400),
        (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", 400),
        (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND", 404),
        (grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND", 404),
        (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", 422),
        (grpc.StatusCode.FAILED_PRECONDITION, "BATCH_ALREADY_FINAL", 409),
        (grpc.StatusCode.ABORTED, "ETAG_MISMATCH", 412),
        (grpc.StatusCode.ABORTED, "OTHER", 409),
        (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_COMPACTED", 410),
        (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_AHEAD", 400),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS", 429),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "CONTENT_TOO_LARGE", 413),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "BATCH_LIMIT_EXCEEDED", 413),
        (grpc.StatusCode.DATA_LOSS, "CONTENT_MISMATCH", 400),
        (grpc.StatusCode.UNAUTHENTICATED, "KEY_INVALID", 401),
        (grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS", 403),
        (grpc.StatusCode.UNIMPLEMENTED, "LATER", 501),
        (grpc.StatusCode.UNAVAILABLE, "SERVER_DRAINING", 503),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "TOO_SLOW", 504),
        (grpc.StatusCode.INTERNAL, "INTERNAL", 500),
    ],
)
async def test_a_status_of_the_service_has_its_http_status(
    client: httpx.AsyncClient, peer: Peer, code: grpc.StatusCode, reason: str, status: int
) -> None:
    peer.answers["GetBatch"] = refusal(code, reason, text="what happened and what to do")
    found = problem(await client.get(GET))
    assert (found["status"], found["code"], found["reason"]) == (status, code.name, reason)
    assert found["detail"] == "what happened and what to do"
    assert found["instance"] == GET
    assert found["type"] == f"urn:problem-type:reports.fna:{reason}"


async def test_unknown_reports_are_listed_and_counted(client: httpx.AsyncClient, peer: Peer) -> None:
    unknown = ["1b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c99", "2b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c99"]
    peer.answers["SubmitBatch"] = refusal(
        grpc.StatusCode.NOT_FOUND, "REPORT_NOT_FOUND", report_ids=",".join(unknown), unknown_count="102"
    )
    found = problem(await client.post(SUBMIT, json={"report_ids": unknown}))
    assert found["status"] == 404
    assert found["metadata"] == {"report_ids": unknown, "unknown_count": 102}


async def test_metadata_that_only_looks_like_a_number_stays_text(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["GetBatch"] = refusal(grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND", batch_id="123")
    assert problem(await client.get(GET))["metadata"] == {"batch_id": "123"}


async def test_fields_that_the_service_refuses_are_named_as_rest_has_them(
    client: httpx.AsyncClient, peer: Peer
) -> None:
    named = {
        "report_ids[3]": "report_ids[3]",
        "report_ids": "report_ids",
        "filter.statuses[0]": "status[0]",
        "filter.batch_ids[1]": "batch_id[1]",
        "filter.labels": "label",
        "statuses[0]": "status[0]",
        "header.report.company_id": "company_id",
        "header.content_size_bytes": "file.content_size_bytes",
        "chunk": "file",
        "report.source_uri": "source_uri",
    }
    bad = BadRequest(field_violations=[BadRequest.FieldViolation(field=name, description="is bad") for name in named])
    peer.answers["GetBatch"] = refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", bad)
    answer = await client.get(GET)
    assert fields(answer) == list(named.values())
    assert problem(answer)["detail"] == "report_ids[3]: is bad; report_ids: is bad; status[0]: is bad; ..."


async def test_a_quota_names_what_is_over(client: httpx.AsyncClient, peer: Peer) -> None:
    over = QuotaFailure(violations=[QuotaFailure.Violation(subject="report_ids", description="at most 10")])
    peer.answers["SubmitBatch"] = refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "BATCH_LIMIT_EXCEEDED", over, text="split it", limit="10"
    )
    found = problem(await client.post(SUBMIT, json={"report_ids": [REPORT_ID]}))
    assert found["errors"] == [{"field": "report_ids", "message": "at most 10"}]
    assert (found["detail"], found["metadata"]) == ("split it", {"limit": 10})


async def test_a_client_is_told_when_to_try_again(client: httpx.AsyncClient, peer: Peer) -> None:
    delay = RetryInfo(retry_delay=Duration(seconds=2, nanos=1_000_000))
    peer.answers["GetBatch"] = refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_DRAINING", delay)
    assert (await client.get(GET)).headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("code", "status"),
    [(grpc.StatusCode.UNKNOWN, 500), (grpc.StatusCode.INTERNAL, 500), (grpc.StatusCode.CANCELLED, 503)],
)
async def test_what_grpc_itself_says_stays_in_the_log(
    client: httpx.AsyncClient, peer: Peer, code: grpc.StatusCode, status: int
) -> None:
    peer.answers["GetBatch"] = Status(code=code.value[0], message="ipv4:10.1.2.3:50051 blew up")
    answer = await client.get(GET)
    assert problem(answer)["status"] == status
    assert "10.1.2.3" not in answer.text


async def test_an_error_of_another_domain_is_not_taken_for_ours(client: httpx.AsyncClient, peer: Peer) -> None:
    foreign = refusal(grpc.StatusCode.PERMISSION_DENIED, "BLOCKED")
    foreign.details[0].value = foreign.details[0].value.replace(b"reports.fna", b"proxy.local")
    peer.answers["GetBatch"] = foreign
    found = problem(await client.get(GET))
    assert (found["status"], found["type"]) == (403, "about:blank")
    assert "reason" not in found


async def test_a_service_that_is_away_is_503() -> None:
    async with serve(Peer()) as target:
        pass
    async with in_process(target) as client:
        answer = await client.get(GET)
    assert (problem(answer)["status"], answer.headers["retry-after"]) == (503, "1")
    assert target not in answer.text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ["report_ids"]),
        (b"null", ["report_ids"]),
        (b"{}", ["report_ids"]),
        (b'{"report_ids": null}', ["report_ids"]),
        (b'{"report_ids": "x"}', ["report_ids"]),
        (b'{"report_ids": ["x", 1, null]}', ["report_ids[1]", "report_ids[2]"]),
        (b'{"report_ids": [], "labels": {"a": 1}}', ['labels["a"]']),
        (b'{"report_ids": [], "labels": []}', ["labels"]),
        (b'{"report_ids": [], "priority": "4"}', ["priority"]),
        (b'{"report_ids": [], "priority": 4294967296}', ["priority"]),
        (b'{"report_ids": [], "priority": 1.5}', ["priority"]),
        (b'{"report_ids": [], "validate_only": "true"}', ["validate_only"]),
        (b'{"report_ids": [], "execution_timeout": 3600}', ["execution_timeout"]),
        (b'{"report_ids": [], "execution_timeout": "1h"}', ["execution_timeout"]),
        (b'{"report_ids": [], "execution_timeout": "999999999999999s"}', ["execution_timeout"]),
        (b'{"report_ids": [], "reportids": [], "x": 1}', ["reportids", "x"]),
        (b"[]", ["body"]),
        (b'"text"', ["body"]),
        (b'{"report_ids": [', ["body"]),
        (b"\xff\xfe", ["body"]),
        (b'{"report_ids": ["\\ud800"]}', ["body"]),
        (b"[" * 100_000, ["body"]),
    ],
)
async def test_json_of_the_wrong_form_is_400_and_names_the_field(
    client: httpx.AsyncClient, peer: Peer, body: bytes, expected: list[str]
) -> None:
    answer = await client.post(SUBMIT, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, fields(answer)) == (400, expected)
    assert peer.requests == []


async def test_of_many_wrong_fields_a_hundred_are_shown(client: httpx.AsyncClient) -> None:
    answer = await client.post(SUBMIT, json={"report_ids": list(range(10_000))})
    assert fields(answer) == [f"report_ids[{index}]" for index in range(100)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{SUBMIT}?staus=FAILED", ["staus"]),
        (f"{SUBMIT}?status=FAILED&status=BROKEN", ["status[1]"]),
        (f"{SUBMIT}?status=BATCH_STATUS_FAILED", ["status[0]"]),
        (f"{SUBMIT}?page_size=many", ["page_size"]),
        (f"{SUBMIT}?page_size=99999999999", ["page_size"]),
        (f"{SUBMIT}?label=region", ["label[0]"]),
        (f"{SUBMIT}?label=region:eu&label=region:us", ["label"]),
        (f"{GET}?view=ALL", ["view"]),
        (f"{GET}/items?status=CANCELLING", ["status[0]"]),
        (f"{GET}/events?after_sequence=last", ["after_sequence"]),
        (f"{GET}/events?heartbeat_interval=often", ["heartbeat_interval"]),
        ("/v1/reports?status=DONE", ["status[0]"]),
    ],
)
async def test_a_wrong_query_parameter_is_400_and_named(
    client: httpx.AsyncClient, peer: Peer, path: str, expected: list[str]
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, fields(answer)) == (400, expected)
    assert peer.requests == []


async def test_a_body_field_in_the_query_is_refused_instead_of_lost(client: httpx.AsyncClient, peer: Peer) -> None:
    answer = await client.post(f"{SUBMIT}?validate_only=true", json={"report_ids": [REPORT_ID]})
    assert (answer.status_code, fields(answer)) == (400, ["validate_only"])
    assert peer.requests == []


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_is_1_to_255_characters_long(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post(SUBMIT, json={"report_ids": [REPORT_ID]}, headers={"Idempotency-Key": key})
    assert (answer.status_code, fields(answer)) == (400, ["Idempotency-Key"])


async def test_a_last_event_id_is_a_number(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{GET}/events", headers={"Last-Event-ID": "abc"})
    assert (answer.status_code, fields(answer)) == (400, ["Last-Event-ID"])


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/v1/nothing", 404, "ROUTE_NOT_FOUND"),
        ("GET", f"{GET}/", 404, "ROUTE_NOT_FOUND"),
        ("DELETE", GET, 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_errors_of_the_framework_are_problems_too(
    client: httpx.AsyncClient, method: str, path: str, status: int, reason: str
) -> None:
    found = problem(await client.request(method, path))
    assert (found["status"], found["reason"], found["instance"]) == (status, reason, path)


async def test_an_oversize_body_is_413() -> None:
    async with serve(Peer()) as target, running(target) as gateway:
        body = json.dumps({"report_ids": ["x" * 36] * 120_000}).encode()
        announced = await gateway.client.post(SUBMIT, content=body)

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(body), 100_000):
                yield body[start : start + 100_000]

        unannounced = await gateway.client.post(SUBMIT, content=chunks())
    assert {problem(answer)["reason"] for answer in (announced, unannounced)} == {"CONTENT_TOO_LARGE"}
    assert {announced.status_code, unannounced.status_code} == {413}


@pytest.mark.parametrize("header", ["Content-Length: 7950000", "Transfer-Encoding: chunked"])
async def test_a_client_that_only_reads_after_it_has_sent_all_still_gets_its_413(header: str) -> None:
    piece = b" " * 50_000 if header.startswith("Content") else b"c350\r\n" + b" " * 50_000 + b"\r\n"
    async with serve(Peer()) as target, running(target) as gateway, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(gateway.client.base_url.host, gateway.client.base_url.port)
        writer.write(f"POST {SUBMIT} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        for _ in range(159):
            writer.write(piece)
            await writer.drain()
        if "chunked" in header:
            writer.write(b"0\r\n\r\n")
        assert await reader.readuntil(b" 413 ")
        writer.close()


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_failure(
    peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(peer) as target, running(target) as gateway:
        reader, writer = await asyncio.open_connection(gateway.client.base_url.host, gateway.client.base_url.port)
        writer.write(f"POST {SUBMIT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        writer.write_eof()
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    assert peer.requests == []


async def test_a_page_of_another_site_may_not_submit(client: httpx.AsyncClient, peer: Peer) -> None:
    answer = await client.post(SUBMIT, json={"report_ids": [REPORT_ID]}, headers={"Sec-Fetch-Site": "cross-site"})
    assert problem(answer)["status"] == 403
    assert peer.requests == []


async def test_a_failure_of_the_gateway_itself_tells_nothing(client: httpx.AsyncClient) -> None:
    # The peer has no answer for this method, and gRPC calls what it raises UNKNOWN.
    answer = await client.get(GET)
    assert problem(answer)["status"] == 500
    assert "KeyError" not in answer.text
