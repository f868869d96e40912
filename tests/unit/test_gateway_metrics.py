"""What the gateway tells Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import report_service_pb2
from tests.unit.gateway_peer import BATCH_ID, COMPANY_ID, Peer, batch, in_process, refusal, report, running, serve

BATCH = f"/v1/reports/batch/{BATCH_ID}"
SECONDS = "fna_reports_gateway_request_seconds_count"


@pytest.fixture
def peer() -> Peer:
    return Peer(answers={"GetBatch": status_pb2.GetBatchResponse(batch=batch())})


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


async def figures(client: httpx.AsyncClient, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a metric by the values of their labels, in the order of the labels' names."""
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")

    def samples() -> Iterator[tuple[tuple[str, ...], float]]:
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                if sample.name == name:
                    yield tuple(sample.labels.values()), sample.value

    return dict(samples())


async def test_answers_are_counted_by_route_method_and_status(client: httpx.AsyncClient) -> None:
    for path in (BATCH, BATCH, "/nowhere/a", "/nowhere/b"):
        await client.get(path)
    await client.head(BATCH)
    await client.request("BREW", BATCH)
    assert await figures(client, SECONDS) == {
        ("GET", "/v1/reports/batch/{batch_id}", "200"): 3,
        ("other", "/v1/reports/batch/{batch_id}", "405"): 1,
        ("GET", "none", "404"): 2,
    }


async def test_errors_of_the_service_are_counted_by_their_code(client: httpx.AsyncClient, peer: Peer) -> None:
    missing = refusal(grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")
    peer.answers["GetBatch"] = missing
    peer.answers["UploadReport"] = [report_service_pb2.UploadReportResponse(report=report()), missing]
    await client.get(BATCH)
    answer = await client.post(
        "/v1/reports",
        data={"company_id": COMPANY_ID, "report_type": "10_K"},
        files=[("files", b"one"), ("files", b"two")],
    )
    assert answer.status_code == 207
    assert await figures(client, "fna_reports_gateway_upstream_errors_total") == {("NOT_FOUND",): 2}


async def test_open_watches_are_counted(peer: Peer) -> None:
    await peer.stream.put(status_pb2.WatchBatchResponse())
    async with serve(peer) as target, running(target) as gateway, gateway.client.stream("GET", f"{BATCH}/events"):
        assert await figures(gateway.client, "fna_reports_gateway_open_watches") == {(): 1}


async def test_a_failure_of_the_gateway_is_counted(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("reports_gateway.schemas.batch.Batch.of")
    assert (await client.get(BATCH)).status_code == 500
    assert (await figures(client, SECONDS))["GET", "/v1/reports/batch/{batch_id}", "500"] == 1
