"""Query parameters as the routes read them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from fna.reports.v1 import batch_pb2
from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from tests.unit.gateway_peer import BATCH_ID, Peer, in_process, serve


@pytest.fixture
def peer() -> Peer:
    return Peer(answers={"ListBatches": status_pb2.ListBatchesResponse()})


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


async def test_lists_are_parameters_that_are_given_several_times(client: httpx.AsyncClient, peer: Peer) -> None:
    query = "status=FAILED&page_size=7&label=desk:north&status=COMPLETED&label=a:b%3Ac&batch_id=" + BATCH_ID
    await client.get(f"/v1/reports/batch?{query}")
    assert peer.requests == [
        status_pb2.ListBatchesRequest(
            page_size=7,
            filter=status_pb2.BatchFilter(
                statuses=[batch_pb2.BATCH_STATUS_FAILED, batch_pb2.BATCH_STATUS_COMPLETED],
                labels={"desk": "north", "a": "b:c"},
                batch_ids=[BATCH_ID],
            ),
        )
    ]


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("page_size=1&page_size=2", "page_size", "given twice"),
        ("page_size=many", "page_size", "integer"),
        ("page_size=99999999999", "page_size", "2147483647"),
        ("size=1", "size", "unknown here"),
        ("status=DONE", "status[0]", "must be one of"),
        ("status=FAILED&status=DONE", "status[1]", "must be one of"),
        ("label=north", "label[0]", "key:value"),
        ("label=a:1&label=a:2", "label", "same key twice"),
    ],
)
async def test_a_parameter_that_is_wrong_is_named(
    client: httpx.AsyncClient, peer: Peer, query: str, field: str, words: str
) -> None:
    answer = await client.get(f"/v1/reports/batch?{query}")
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["message"]
    assert peer.requests == []
