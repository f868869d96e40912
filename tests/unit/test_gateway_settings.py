"""Settings of the gateway: where it listens, and which services it calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import report_service_pb2
from reports_core.settings import SettingsError
from reports_gateway.settings import GatewaySettings, load_settings
from reports_gateway.upstream import connect
from tests.unit.gateway_peer import BATCH_ID, Peer, serve


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in GatewaySettings.model_fields:
        monkeypatch.delenv(f"FNA_REPORTS_{name.upper()}", raising=False)


def test_a_gateway_needs_no_settings() -> None:
    settings = load_settings()
    assert (settings.rest_address, settings.server) == ("127.0.0.1:8000", "127.0.0.1:50051")


@pytest.mark.parametrize("address", ["0.0.0.0:8000", "[::]:8000", "192.0.2.1:0", "gateway.example.com:80"])
def test_an_open_address_is_refused_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("FNA_REPORTS_REST_ADDRESS", address)
    with pytest.raises(SettingsError, match=r"FNA_REPORTS_REST_ADDRESS.*FNA_REPORTS_ALLOW_UNAUTHENTICATED"):
        load_settings()


def test_an_open_address_is_taken_when_somebody_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNA_REPORTS_REST_ADDRESS", "0.0.0.0:8000")
    monkeypatch.setenv("FNA_REPORTS_ALLOW_UNAUTHENTICATED", "true")
    assert load_settings().rest_address == "0.0.0.0:8000"


async def test_services_that_are_deployed_apart_are_called_where_they_are() -> None:
    common, apart = Peer(), Peer()
    async with (
        serve(common) as server,
        serve(apart) as status_server,
        connect(GatewaySettings(server=server, status_server=status_server)) as services,
    ):
        apart.answers["GetBatch"] = status_pb2.GetBatchResponse()
        common.answers["GetReport"] = report_service_pb2.GetReportResponse()
        await services.status.GetBatch(status_pb2.GetBatchRequest(batch_id=BATCH_ID))
        await services.reports.GetReport(report_service_pb2.GetReportRequest())
    assert (len(common.requests), len(apart.requests)) == (1, 1)
