"""Probes tell whether the gateway runs, and whether what it needs does."""

from __future__ import annotations

from tests.unit.gateway_peer import Peer, in_process, serve

SERVICES = [
    "fna.reports.v1.BatchSubmissionService",
    "fna.reports.v1.BatchStatusService",
    "fna.reports.v1.ReportService",
]


async def test_a_gateway_is_ready_when_every_service_serves() -> None:
    async with serve(Peer()) as target, in_process(target) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, dict.fromkeys(SERVICES, "SERVING"))


async def test_a_gateway_without_services_is_alive_and_not_ready() -> None:
    async with serve(Peer()) as target:
        pass
    async with in_process(target) as client:
        alive, ready = await client.get("/healthz"), await client.get("/readyz")
    assert alive.status_code == 200
    assert (ready.status_code, ready.headers["content-type"]) == (503, "application/problem+json")
    assert ready.json()["metadata"] == dict.fromkeys(SERVICES, "UNAVAILABLE")
