"""Several files in one request, files of a batch, and forms that arrive piece by piece."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import BadRequest

from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from fna.reports.v1 import report_pb2, report_service_pb2
from tests.unit.gateway_peer import (
    BATCH_ID,
    COMPANY_ID,
    REPORT_ID,
    Gateway,
    Peer,
    in_process,
    refusal,
    report,
    running,
    serve,
    submitted,
)

OTHER_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c99"
FORM = {"company_id": COMPANY_ID, "report_type": "10_K"}

Form = list[tuple[str, tuple[str | None, bytes | str]]]


def stored(report_id: str = REPORT_ID, *, already_existed: bool = False) -> report_service_pb2.UploadReportResponse:
    return report_service_pb2.UploadReportResponse(report=report(report_id=report_id), already_existed=already_existed)


def form(*parts: tuple[str, str | bytes]) -> Form:
    """Return a form of text fields and, where the content is bytes, files of the name `NAME.html`."""
    fields: Form = [(name, (None, value)) for name, value in FORM.items()]
    for name, content in parts:
        fields.append((name, (f"{content[:8].decode()}.html" if isinstance(content, bytes) else None, content)))
    return fields


@pytest.fixture
def peer() -> Peer:
    return Peer(
        answers={"UploadReport": [stored(), stored(OTHER_ID), stored(BATCH_ID)], "SubmitBatch": submitted()},
    )


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


async def test_each_of_several_files_has_its_own_outcome(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["UploadReport"] = [
        stored(),
        refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", text="empty"),
        stored(OTHER_ID, already_existed=True),
    ]
    answer = await client.post("/v1/reports", files=form(("files", b"one"), ("files", b"two"), ("files", b"three")))
    assert answer.status_code == 207
    outcomes = answer.json()["uploads"]
    assert [outcome["file_name"] for outcome in outcomes] == ["one.html", "two.html", "three.html"]
    assert [(outcome["report"] or {}).get("report_id") for outcome in outcomes] == [REPORT_ID, None, OTHER_ID]
    assert [outcome["already_existed"] for outcome in outcomes] == [False, False, True]
    problem = outcomes[1]["problem"]
    assert (problem["status"], problem["detail"], problem["instance"]) == (400, "empty", "/v1/reports")
    assert problem["request_id"] == answer.headers["x-request-id"]


async def test_several_files_that_were_all_taken_answer_201(client: httpx.AsyncClient, peer: Peer) -> None:
    answer = await client.post("/v1/reports", files=form(("files", b"one"), ("files", b"two")))
    assert answer.status_code == 201
    assert [outcome["problem"] for outcome in answer.json()["uploads"]] == [None, None]
    assert [upload.sha256 for upload in peer.uploads] == [
        hashlib.sha256(content).hexdigest() for content in (b"one", b"two")
    ]


async def test_one_file_of_several_is_answered_as_several(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/reports", files=form(("files", b"one")))
    assert [outcome["report"]["report_id"] for outcome in answer.json()["uploads"]] == [REPORT_ID]


async def test_a_field_holds_for_the_files_after_it_until_it_is_given_again(
    client: httpx.AsyncClient, peer: Peer
) -> None:
    parts = form(
        ("title", "A"), ("files", b"one"), ("title", "B"), ("report_type", "10_Q"), ("files", b"two"), ("files", b"3")
    )
    await client.post("/v1/reports", files=parts)
    reports = [upload.header.report for upload in peer.uploads]
    assert [found.title for found in reports] == ["A", "B", "B"]
    assert [found.report_type for found in reports] == [
        report_pb2.REPORT_TYPE_10_K,
        report_pb2.REPORT_TYPE_10_Q,
        report_pb2.REPORT_TYPE_10_Q,
    ]


async def test_a_field_that_is_wrong_for_one_file_loses_no_other(client: httpx.AsyncClient, peer: Peer) -> None:
    parts = form(
        ("files", b"one"), ("report_type", "10-Q"), ("files", b"two"), ("report_type", "10_Q"), ("files", b"3")
    )
    answer = await client.post("/v1/reports", files=parts)
    assert answer.status_code == 207
    problems = [outcome["problem"] for outcome in answer.json()["uploads"]]
    assert [problem and problem["errors"][0]["field"] for problem in problems] == [None, "report_type", None]
    assert len(peer.uploads) == 2


async def test_a_file_that_is_too_large_loses_no_other(peer: Peer) -> None:
    parts = form(("files", b"one"), ("files", b"x" * 52_428_801), ("files", b"three"))
    async with serve(peer) as target, running(target) as gateway:
        answer = await gateway.client.post("/v1/reports", files=parts, timeout=60)
    assert answer.status_code == 207
    problems = [outcome["problem"] for outcome in answer.json()["uploads"]]
    assert [problem and problem["reason"] for problem in problems] == [None, "CONTENT_TOO_LARGE", None]


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([("files", b"one"), ("file", b"two")], "file"),
        ([("file", b"one"), ("files", b"two")], "files"),
        ([("file", b"one"), ("file", b"two")], "file"),
        ([("file", b"one"), ("title", "late")], "title"),
        ([("files", b"one"), ("title", "late")], "title"),
        ([("title", "A"), ("title", "B"), ("files", b"one")], "title"),
        ([("files", "text")], "files"),
        ([("document", b"one")], "document"),
    ],
)
async def test_a_form_that_is_no_form_of_ours_names_the_part(
    client: httpx.AsyncClient, parts: list[tuple[str, str | bytes]], field: str
) -> None:
    answer = await client.post("/v1/reports", files=form(*parts))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


async def test_a_single_file_is_not_registered_when_the_form_after_it_is_wrong(
    client: httpx.AsyncClient, peer: Peer
) -> None:
    answer = await client.post("/v1/reports", files=form(("file", b"one"), ("title", "late")))
    assert answer.status_code == 400
    assert peer.uploads == []


async def test_more_files_than_a_form_may_have_are_refused(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["UploadReport"] = stored()
    answer = await client.post("/v1/reports", files=form(*[("files", b"x")] * 1001))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "files")
    assert len(peer.uploads) == 1000


@pytest.mark.parametrize("path", ["/v1/reports", "/v1/reports/batch"])
async def test_text_fields_without_an_end_are_refused(client: httpx.AsyncClient, path: str) -> None:
    parts = form(*[("label" if path.endswith("batch") else f"field{number}", "") for number in range(40_000)])
    answer = await client.post(path, files=parts)
    assert answer.status_code == 400
    assert "too many" in answer.json()["detail"]


async def test_files_become_a_batch_in_one_request(client: httpx.AsyncClient, peer: Peer) -> None:
    parts = form(
        ("label", "desk:north"),
        ("files", b"one"),
        ("files", b"two"),
        ("label", "quarter:Q1: late"),
        ("priority", "7"),
        ("execution_timeout", "3600s"),
    )
    answer = await client.post("/v1/reports/batch", files=parts)
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/reports/batch/{BATCH_ID}")
    expected = submission_pb2.SubmitBatchRequest(
        report_ids=[REPORT_ID, OTHER_ID], labels={"desk": "north", "quarter": "Q1: late"}, priority=7
    )
    expected.execution_timeout.FromSeconds(3600)
    assert peer.submissions == [expected]


async def test_a_batch_of_files_is_idempotent_by_its_key(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["UploadReport"] = stored()
    for _ in range(2):
        await client.post(
            "/v1/reports/batch", files=form(("files", b"one")), headers={"Idempotency-Key": "morning run"}
        )
    first, second = peer.submissions
    assert first == second
    assert first.request_id


async def test_a_batch_with_a_file_that_is_refused_is_not_submitted(client: httpx.AsyncClient, peer: Peer) -> None:
    wrong = BadRequest(field_violations=[BadRequest.FieldViolation(field="chunk", description="is empty")])
    peer.answers["UploadReport"] = [
        stored(),
        refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", wrong),
        refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "CONTENT_TOO_LARGE", text="too large"),
    ]
    parts = form(("files", b"one"), ("files", b"two"), ("files", b"three"))
    answer = await client.post("/v1/reports/batch", files=parts)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "files[1].file", "message": "is empty"},
        {"field": "files[2]", "message": "too large"},
    ]
    assert answer.json()["detail"].startswith("2 of 3 files were refused and nothing was submitted: files[1].file: is")
    assert peer.submissions == []


async def test_a_batch_whose_service_failed_for_one_file_asks_for_the_form_again(
    client: httpx.AsyncClient, peer: Peer
) -> None:
    peer.answers["UploadReport"] = [
        refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", text="no"),
        refusal(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", text="away"),
    ]
    answer = await client.post("/v1/reports/batch", files=form(("files", b"one"), ("files", b"two")))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([], "files"),
        ([("file", b"one")], "file"),
        ([("files", b"one"), ("priority", "high")], "priority"),
        ([("files", b"one"), ("priority", "1"), ("priority", "2")], "priority"),
        ([("files", b"one"), ("label", "north")], "label[0]"),
        ([("files", b"one"), ("label", "a:1"), ("label", "a:2")], "label"),
        ([("files", b"one"), ("execution_timeout", "1h")], "execution_timeout"),
        ([("validate_only", "true"), ("files", b"one")], "files[0].validate_only"),
        ([("files", b"one"), ("title", "late")], "title"),
    ],
)
async def test_a_batch_form_with_a_wrong_part_names_it(
    client: httpx.AsyncClient, peer: Peer, parts: list[tuple[str, str | bytes]], field: str
) -> None:
    answer = await client.post("/v1/reports/batch", files=form(*parts))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert peer.submissions == []


async def test_the_same_content_twice_in_a_batch_is_named(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["UploadReport"] = [stored(), stored(OTHER_ID), stored(already_existed=True)]
    parts = form(("files", b"one"), ("files", b"two"), ("files", b"one"))
    answer = await client.post("/v1/reports/batch", files=parts)
    assert answer.json()["errors"] == [
        {"field": "files[2]", "message": "has the same content as files[0]; send it once"}
    ]
    assert peer.submissions == []


async def test_a_query_parameter_with_a_form_is_named(client: httpx.AsyncClient) -> None:
    for name in ("priority", "request_id"):
        answer = await client.post("/v1/reports/batch", params={name: 3}, files=form(("files", b"one")))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)


def raw(gateway: Gateway, body: bytes, *, length: int) -> bytes:
    host = gateway.client.base_url.netloc.decode()
    head = f"POST /v1/reports HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % length + body


def piece(name: str, content: str, file_name: str = "") -> bytes:
    named = f'; filename="{file_name}"' if file_name else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n{content}'.encode()


async def test_a_file_reaches_the_service_before_the_rest_of_it_has_come(peer: Peer) -> None:
    async with serve(peer) as target, running(target) as gateway:
        url = gateway.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        start = piece("company_id", f"{COMPANY_ID}\r\n") + piece("report_type", "10_K\r\n")
        start += piece("file", "x" * 300_000, "a.html")
        end = b"y\r\n--b--\r\n"
        writer.write(raw(gateway, start, length=len(start) + len(end)))
        while peer.received_bytes < 2 * 128 * 1024:
            await peer.received.wait()
            peer.received.clear()
        writer.write(end)
        assert (await reader.readline()).startswith(b"HTTP/1.1 201")
        writer.close()
    (upload,) = peer.uploads
    assert upload.sha256 == hashlib.sha256(b"x" * 300_000 + b"y").hexdigest()


async def test_a_client_that_goes_in_the_middle_of_a_file_leaves_no_report(peer: Peer) -> None:
    async with serve(peer) as target, running(target) as gateway:
        url = gateway.client.base_url
        _, writer = await asyncio.open_connection(url.host, url.port)
        start = piece("company_id", f"{COMPANY_ID}\r\n") + piece("report_type", "10_K\r\n")
        start += piece("files", "x" * 300_000, "a.html")
        writer.write(raw(gateway, start, length=400_000))
        await peer.received.wait()
        writer.transport.abort()
        await peer.upload_cancelled.wait()
    assert peer.uploads == []


@pytest.mark.parametrize("name", ["file", "files"])
async def test_a_form_that_ends_too_early_leaves_no_report(client: httpx.AsyncClient, peer: Peer, name: str) -> None:
    body = piece("company_id", f"{COMPANY_ID}\r\n") + piece("report_type", "10_K\r\n") + piece(name, "half", "a.html")
    answer = await client.post("/v1/reports", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 400
    assert "ends before its last boundary" in answer.json()["detail"]
    assert peer.uploads == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=" + "b" * 300, b""),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\nx\r\n--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n\xff\r\n--b--',
        ),
        ("multipart/form-data; boundary=b", piece("title", "x" * 65_537) + b"\r\n--b--\r\n"),
    ],
)
async def test_a_form_that_cannot_be_read_is_400(client: httpx.AsyncClient, content_type: str, body: bytes) -> None:
    answer = await client.post("/v1/reports", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["reason"]) == (400, "INVALID_REQUEST")


async def test_a_file_name_in_latin_1_is_kept(client: httpx.AsyncClient, peer: Peer) -> None:
    body = piece("company_id", f"{COMPANY_ID}\r\n") + piece("report_type", "10_K\r\n")
    body += piece("file", "text", "für.html").replace("für".encode(), "für".encode("latin-1")) + b"\r\n--b--\r\n"
    await client.post("/v1/reports", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert [upload.header.report.file_name for upload in peer.uploads] == ["für.html"]


async def test_a_client_that_sends_nothing_more_is_told_so(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports_gateway.multipart.IDLE_SECONDS", 0.1)
    async with serve(peer) as target, running(target) as gateway:
        url = gateway.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        start = piece("company_id", f"{COMPANY_ID}\r\n")
        writer.write(raw(gateway, start, length=400_000))
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        answer = await reader.read()
        assert b"REQUEST_STALLED" in answer
        assert b"connection: close" in answer.lower()
        writer.close()
