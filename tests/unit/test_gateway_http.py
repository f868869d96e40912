"""What is the same for every route: entity tags, identifiers of requests, compression, other origins."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from reports_core.settings import SettingsError
from reports_gateway.settings import load_settings
from tests.unit.gateway_peer import BATCH_ID, Peer, batch, in_process, serve

URL = f"/v1/reports/batch/{BATCH_ID}"
APP = "https://app.example.com"


@pytest.fixture
def peer() -> Peer:
    return Peer(
        answers={
            "GetBatch": status_pb2.GetBatchResponse(batch=batch()),
            "ListBatches": status_pb2.ListBatchesResponse(batches=[batch()] * 20),
            "CancelBatch": submission_pb2.CancelBatchResponse(batch=batch()),
            "RetryBatch": submission_pb2.RetryBatchResponse(batch=batch()),
        }
    )


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


# Entity tags


@pytest.mark.parametrize("given", ["{tag}", '"other", {tag}', "W/{tag}", "*"])
async def test_an_answer_that_the_caller_has_is_not_sent_again(client: httpx.AsyncClient, given: str) -> None:
    tag = (await client.get(URL)).headers["etag"]
    answer = await client.get(URL, headers={"If-None-Match": given.format(tag=tag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


async def test_a_compressed_answer_has_another_tag_than_the_same_as_it_is(client: httpx.AsyncClient) -> None:
    plain = await client.get(URL, headers={"Accept-Encoding": "identity"})
    compressed = await client.get(URL, headers={"Accept-Encoding": "gzip"})
    assert plain.json() == compressed.json()
    assert plain.headers["etag"] != compressed.headers["etag"]
    for encoding, answer, status in (("identity", plain, 304), ("gzip", compressed, 304), ("gzip", plain, 200)):
        headers = {"Accept-Encoding": encoding, "If-None-Match": answer.headers["etag"]}
        assert (await client.get(URL, headers=headers)).status_code == status


async def test_an_answer_that_has_changed_is_sent(client: httpx.AsyncClient, peer: Peer) -> None:
    tag = (await client.get(URL)).headers["etag"]
    # The version is the same: a step of a report is no change of its batch.
    changed = batch()
    changed.results.add().step = "TEXT_EXTRACTION"
    peer.answers["GetBatch"] = status_pb2.GetBatchResponse(batch=changed)
    answer = await client.get(URL, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json()["results"][0]["step"] == "TEXT_EXTRACTION"


@pytest.mark.parametrize("verb", ["cancel", "retry"])
async def test_the_tag_of_an_answer_is_what_a_change_expects(client: httpx.AsyncClient, peer: Peer, verb: str) -> None:
    tag = (await client.get(URL)).headers["etag"]
    answer = await client.post(f"{URL}:{verb}", headers={"If-Match": tag})
    assert answer.status_code == 202
    assert answer.headers["location"] == URL
    assert peer.requests[-1].etag == "W1"  # type: ignore[attr-defined]  # both requests have one


async def test_a_change_of_any_version_expects_none(client: httpx.AsyncClient, peer: Peer) -> None:
    await client.post(f"{URL}:cancel", headers={"If-Match": "*"})
    assert peer.requests == [submission_pb2.CancelBatchRequest(batch_id=BATCH_ID)]


@pytest.mark.parametrize(
    ("header", "body", "field"),
    [("W1", {}, "If-Match"), ('"W1", "W2"', {}, "If-Match"), ('"W1"', {"etag": "W2"}, "etag")],
)
async def test_an_expectation_that_cannot_be_understood_is_refused(
    client: httpx.AsyncClient, peer: Peer, header: str, body: dict[str, str], field: str
) -> None:
    answer = await client.post(f"{URL}:cancel", headers={"If-Match": header}, json=body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert peer.requests == []


# Identifiers of requests


async def test_an_answer_has_the_identifier_of_its_request(client: httpx.AsyncClient) -> None:
    answer = await client.get(URL, headers={"X-Request-Id": "night-42"})
    assert answer.headers["x-request-id"] == "night-42"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129])
async def test_a_request_without_a_usable_identifier_gets_one(client: httpx.AsyncClient, given: str) -> None:
    first, second = [await client.get(URL, headers={"X-Request-Id": given}) for _ in range(2)]
    assert len(first.headers["x-request-id"]) == 36
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("method_path", [("GET", "/nothing"), ("DELETE", URL), ("GET", f"{URL}?item_view=NO")])
async def test_a_problem_tells_the_identifier_of_its_request(
    client: httpx.AsyncClient, method_path: tuple[str, str]
) -> None:
    answer = await client.request(*method_path, headers={"X-Request-Id": "night-42"})
    assert answer.status_code >= 400
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "night-42"


async def test_an_unexpected_error_tells_it_too(client: httpx.AsyncClient, peer: Peer) -> None:
    impossible = batch()
    impossible.created_at.seconds = 10**15
    peer.answers["GetBatch"] = status_pb2.GetBatchResponse(batch=impossible)
    answer = await client.get(URL, headers={"X-Request-Id": "night-42"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "night-42"


# Compression


async def test_a_large_answer_is_compressed_for_who_asks(client: httpx.AsyncClient) -> None:
    compressed = await client.get("/v1/reports/batch", headers={"Accept-Encoding": "gzip"})
    plain = await client.get("/v1/reports/batch", headers={"Accept-Encoding": "identity"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(compressed.headers["content-length"]) < len(plain.content) / 4
    assert compressed.json() == plain.json()


# Other origins


async def test_pages_of_no_other_origin_may_call_unless_allowed(client: httpx.AsyncClient) -> None:
    answer = await client.get(URL, headers={"Origin": APP})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("allowed", "told"), [(APP, APP), ("*", "*")])
async def test_pages_of_allowed_origins_may_call(peer: Peer, allowed: str, told: str) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "if-match"}
    async with serve(peer) as target, in_process(target, cors_origins=allowed) as client:
        may = await client.options(f"{URL}:cancel", headers=asked)
        done = await client.post(f"{URL}:cancel", headers={"Origin": APP, "Sec-Fetch-Site": "cross-site"})
    assert (may.status_code, may.headers["access-control-allow-origin"]) == (200, told)
    assert (done.status_code, done.headers["access-control-allow-origin"]) == (202, told)
    assert "ETag" in done.headers["access-control-expose-headers"]


async def test_pages_of_an_origin_that_is_not_allowed_may_not(peer: Peer) -> None:
    sent = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    async with serve(peer) as target, in_process(target, cors_origins=APP) as client:
        answer = await client.post(f"{URL}:cancel", headers=sent)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert peer.requests == []


@pytest.mark.parametrize(
    "origins", ["app.example.com", "https://app.example.com/", "https://a.example,https://b.example"]
)
def test_an_origin_of_another_form_is_refused(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("FNA_REPORTS_CORS_ORIGINS", origins)
    with pytest.raises(SettingsError, match=r"FNA_REPORTS_CORS_ORIGINS.*is no origin; write https://app\.example\.com"):
        load_settings()
