"""HEAD, OPTIONS, methods that a path has not, and heads of requests that are too long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from reports_gateway.connection import MAX_HEAD_BYTES, MAX_TARGET_BYTES
from tests.unit.gateway_peer import BATCH_ID, Peer, batch, in_process, running, serve

BATCH = f"/v1/reports/batch/{BATCH_ID}"


@pytest.fixture
def peer() -> Peer:
    return Peer(
        answers={
            "GetBatch": status_pb2.GetBatchResponse(batch=batch()),
            "ListBatchResults": status_pb2.ListBatchResultsResponse(),
        }
    )


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


@pytest.mark.parametrize("path", [BATCH, "/", "/healthz", "/static/main.js", "/docs", f"{BATCH}/results", "/nowhere"])
async def test_head_is_get_without_a_body(peer: Peer, path: str) -> None:
    async with serve(peer) as target, running(target) as gateway:
        # What only compressing would tell may be left out.
        plain = {"Accept-Encoding": "identity"}
        get, head = await gateway.client.get(path, headers=plain), await gateway.client.head(path, headers=plain)
    assert head.status_code == get.status_code
    assert head.content == b""
    volatile = {"date", "x-request-id", "content-length", "transfer-encoding", "vary"}
    assert {name: head.headers[name] for name in head.headers.keys() - volatile} == {
        name: get.headers[name] for name in get.headers.keys() - volatile
    }


async def test_head_of_a_watch_opens_no_stream(peer: Peer) -> None:
    await peer.stream.put(status_pb2.WatchBatchResponse())
    async with serve(peer) as target, running(target) as gateway:
        answer = await gateway.client.head(f"{BATCH}/events")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        await peer.watch_cancelled.wait()
        assert len(gateway.watches) == 0


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/reports", "GET, HEAD, OPTIONS, POST"),
        ("/v1/reports/batch", "GET, HEAD, OPTIONS, POST"),
        (BATCH, "GET, HEAD, OPTIONS"),
        (f"{BATCH}:cancel", "OPTIONS, POST"),
        ("/static/main.js", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_path_says_what_it_allows(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    options = await client.options(path)
    assert (options.status_code, options.headers["allow"], options.content) == (204, allowed, b"")
    for method in ("DELETE", "PUT", "PATCH", "TRACE", "BREW"):
        refused = await client.request(method, path)
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
        assert refused.json()["reason"] == "METHOD_NOT_ALLOWED"


async def test_options_of_no_path_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.options("/nowhere")).json()["reason"] == "ROUTE_NOT_FOUND"


async def exchange(peer: Peer, *pieces: bytes) -> bytes:
    """Send the pieces one by one and return all that comes back."""
    async with serve(peer) as target, running(target) as gateway:
        url = gateway.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


def head(*headers: str, target: str = "/healthz") -> bytes:
    lines = [f"GET {target} HTTP/1.1", "Host: a", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_headers_that_are_too_long_are_431(peer: Peer) -> None:
    many = [f"X-{number}: {'v' * 1000}" for number in range(70)]
    for request in (head(*many), head("X-Long: " + "v" * MAX_HEAD_BYTES)):
        answer = await exchange(peer, request)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b"application/problem+json" in answer
        assert b"HEADERS_TOO_LARGE" in answer


async def test_a_header_without_an_end_ends_the_connection(peer: Peer) -> None:
    answer = await exchange(peer, b"GET / HTTP/1.1\r\nX-Long: ", *[b"v" * 65_536] * 30)
    # A client that still sends when the connection ends may lose the answer.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


async def test_a_path_that_is_too_long_is_414(peer: Peer) -> None:
    answer = await exchange(peer, head(target="/" + "a" * MAX_TARGET_BYTES))
    assert answer.startswith(b"HTTP/1.1 414 ")
    assert b"URI_TOO_LONG" in answer


async def test_heads_within_the_limits_are_taken_however_they_arrive(peer: Peer) -> None:
    request = head(*[f"X-{number}: {'v' * 1000}" for number in range(55)], target="/healthz?a=" + "b" * 8000)
    pieces = [request[start : start + 1000] for start in range(0, len(request), 1000)]
    for sent in ([request], pieces):
        answer = await exchange(peer, *sent)
        assert answer.startswith(b"HTTP/1.1 200 "), answer


async def test_what_is_no_http_is_answered_with_a_problem(peer: Peer) -> None:
    answer = await exchange(peer, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"INVALID_REQUEST" in answer
